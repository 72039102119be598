# Text lines over 998 bytes are kept as they are.
at data
C: From: a@sandbox.test
C: X-Long: {5000*x}
C:
C: {998*a}
C: {999*b}
C: {100000*c}
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
> X-Long: {5000*x}
>
> {998*a}
> {999*b}
> {100000*c}
= open
