# Two messages and QUIT in one write: each octet is read once, in its place.
at auth
C: MAIL FROM:<a@sandbox.test>
C: RCPT TO:<b@to.test>
C: DATA
C: From: a@sandbox.test
C:
C: one
C: .
C: MAIL FROM:<c@sandbox.test>
C: RCPT TO:<d@to.test>
C: DATA
C: From: c@sandbox.test
C:
C: two
C: .
C: QUIT
S: 250 2.1.0 Ok
S: 250 2.1.5 Ok
S: 354 End data with <CR><LF>.<CR><LF>
S: 250 2.0.0 Ok: queued as *
S: 250 2.1.0 Ok
S: 250 2.1.5 Ok
S: 354 End data with <CR><LF>.<CR><LF>
S: 250 2.0.0 Ok: queued as *
S: 221 2.0.0 Bye
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
> one
M: <c@sandbox.test> <d@to.test>
> From: c@sandbox.test
>
> two
= closed
