# The one recipient that needs no domain, in any case of letters, is ours.
at auth
C: MAIL FROM:<postmaster>
S: 501 5.1.7 Sender address: postmaster needs a domain here
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
C: RCPT TO:<postmaster> NOTIFY=NEVER
S: 555 5.5.4 Unknown RCPT parameter
C: RCPT TO:<Postmaster>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: From: a@sandbox.test
C:
C: hello
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <postmaster@mail.sandbox.test>
> From: a@sandbox.test
>
> hello
= open
