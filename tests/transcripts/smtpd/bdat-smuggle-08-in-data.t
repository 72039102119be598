# BDAT within DATA is text.
at data
C: From: a@sandbox.test
C:
C: BDAT 3 LAST
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
> BDAT 3 LAST
= open
