# Dot-stuffing is undone.
at data
C: From: a@sandbox.test
C:
C: ..
C: ...
C: .a
C: a.
C: ..MAIL FROM:<evil@sandbox.test>
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
> .
> ..
> a
> a.
> .MAIL FROM:<evil@sandbox.test>
= open
