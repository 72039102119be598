# What an accepted message at the MX door will be.
kind mx
only pure
at data
C: From: x@remote.test
C:
C: hello
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: x@remote.test
>
> hello
= open
