# The last line gets the CRLF that it lacks.
at rcpt
C: BDAT 29 LAST
C- From: a@sandbox.test\r\n\r\nhello
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
> hello
= open
