# What else is behind such a line is text, and so is all behind the empty line.
at data
C: From: a@sandbox.test
C: no field at all
C: Cc: c@to.test
C:
C: Bcc: c@to.test
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
> no field at all
> Cc: c@to.test
>
> Bcc: c@to.test
= open
