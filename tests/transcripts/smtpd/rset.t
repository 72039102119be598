# RSET forgets sender and recipients, and nothing else.
at rcpt
C: RSET
S: 250 2.0.0 Ok
C: RCPT TO:<b@to.test>
S: 503 5.5.1 MAIL first
C: MAIL FROM:<c@sandbox.test>
S: 250 2.1.0 Ok
C: DATA
S: 503 5.5.1 RCPT first
C: RCPT TO:<d@to.test>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: From: a@sandbox.test
C:
C: hello
C: .
S: 250 2.0.0 Ok: queued as *
M: <c@sandbox.test> <d@to.test>
> From: a@sandbox.test
>
> hello
= open
