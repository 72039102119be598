# Our own domain as sender from outside gives no right.
kind mx
at ehlo
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
C: RCPT TO:<b@to.test>
S: 550 5.1.1 No mail for this address is taken here
C: RCPT TO:<b@sandbox.test>
S: 550 5.1.1 No mail for this address is taken here
= open
