# The envelope sender may be anybody: the return path is ours anyway.
at auth
C: MAIL FROM:<x@elsewhere.test>
C: RCPT TO:<b@to.test>
C: DATA
S: 250 2.1.0 Ok
S: 250 2.1.5 Ok
S: 354 End data with <CR><LF>.<CR><LF>
C: From: a@sandbox.test
C:
C: hello
C: .
S: 250 2.0.0 Ok: queued as *
M: <x@elsewhere.test> <b@to.test>
> From: a@sandbox.test
>
> hello
= open
