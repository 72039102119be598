# The same, without an answer at first.
kind mx
only pure
! network-down
at mail
C: RCPT TO:<b@to.test>
S: 451 4.3.0 Your right to submit cannot be checked now, try again later
C: RCPT TO:<b@to.test>
S: 550 5.1.1 No mail for this address is taken here
= open
