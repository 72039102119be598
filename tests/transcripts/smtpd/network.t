# A client whose address may submit needs neither TLS nor AUTH; its address is asked about once.
only pure
! network
at ehlo
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
C: RCPT TO:<b@to.test>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: From: a@sandbox.test
C:
C: one\ntwo
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
> one
> two
C: MAIL FROM:<>
S: 250 2.1.0 Ok
= open
