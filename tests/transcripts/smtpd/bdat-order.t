# Recipients come before the first chunk; other commands may come between.
at rcpt
C: BDAT 24
C- From: a@sandbox.test\r\n\r\n
S: 250 2.0.0 24 bytes taken
C: RCPT TO:<c@to.test>
S: 503 5.5.1 BDAT has begun; RSET to begin anew
C: NOOP
S: 250 2.0.0 Ok
C: BDAT 7 LAST
C- hello\r\n
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
> hello
= open
