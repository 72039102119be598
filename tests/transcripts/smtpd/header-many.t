# Ten thousand fields are no harm.
at data
C: From: a@sandbox.test
C- {10000*X-A: b\r\n}
C:
C: hello
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>- {10000*X-A: b\r\n}
>
> hello
= open
