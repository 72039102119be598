# A message without body, and one without the empty line.
at data
C: From: a@sandbox.test
C:
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
C: MAIL FROM:<a@sandbox.test>
C: RCPT TO:<b@to.test>
C: DATA
C: From: a@sandbox.test
C: .
S: 250 2.1.0 Ok
S: 250 2.1.5 Ok
S: 354 End data with <CR><LF>.<CR><LF>
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
= open
