# A message of exactly the limit.
at data
C: From: a@sandbox.test
C:
C: {40957*0123456 89}5678
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
> {40957*0123456 89}5678
= open
