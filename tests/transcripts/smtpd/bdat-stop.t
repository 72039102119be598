# Who is sending chunks may end the message, and hears that it was taken.
at rcpt
C: BDAT 24
C- From: a@sandbox.test\r\n\r\n
S: 250 2.0.0 24 bytes taken
! stop
C: BDAT 7 LAST
C- hello\r\n
S: 250 2.0.0 Ok: queued as *
S: 421 4.3.2 Service is being restarted, try again
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
> hello
= closed
