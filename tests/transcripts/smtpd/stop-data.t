# Who is sending a message may end it, and hears that it was taken.
at data
C: From: a@sandbox.test
C:
! stop
C: hello
C: .
S: 250 2.0.0 Ok: queued as *
S: 421 4.3.2 Service is being restarted, try again
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
> hello
= closed
