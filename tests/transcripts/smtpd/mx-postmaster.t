# At the door of other servers it is judged like any recipient.
kind mx
at ehlo
C: MAIL FROM:<>
S: 250 2.1.0 Ok
C: RCPT TO:<POSTMASTER>
S: 550 5.1.1 No mail for this address is taken here
= open
