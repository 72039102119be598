# The same, with SMTPUTF8.
at auth
C: MAIL FROM:<a@sandbox.test> SMTPUTF8
S: 250 2.1.0 Ok
C: RCPT TO:<b@to.test>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: From: J\xc3\xb6rg <j\xc3\xb6rg@sandbox.test>
C:
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: J\xc3\xb6rg <j\xc3\xb6rg@sandbox.test>
>
= open
