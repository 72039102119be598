# The null sender, and what is allowed of a path: it is kept as it was given.
at auth
C: MAIL FROM:<>
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
M: <> <b@to.test>
> From: a@sandbox.test
>
> hello
= open
