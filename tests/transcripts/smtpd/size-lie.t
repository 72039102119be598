# SIZE promised less.
at auth
C: MAIL FROM:<a@sandbox.test> SIZE=10
C: RCPT TO:<b@to.test>
C: DATA
S: 250 2.1.0 Ok
S: 250 2.1.5 Ok
S: 354 End data with <CR><LF>.<CR><LF>
C: From: a@sandbox.test
C:
C: {409600*x}
C: .
S: 552 5.3.4 Message is larger than 409600 bytes
= open
