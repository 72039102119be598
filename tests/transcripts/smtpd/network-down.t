# No answer about the address is no "no": asked again, and later only once.
only pure
! network-down
at ehlo
C: MAIL FROM:<a@sandbox.test>
S: 451 4.3.0 Your right to submit cannot be checked now, try again later
C: MAIL FROM:<a@sandbox.test>
S: 530 5.7.0 Must issue a STARTTLS command first
C: MAIL FROM:<a@sandbox.test>
S: 530 5.7.0 Must issue a STARTTLS command first
= open
