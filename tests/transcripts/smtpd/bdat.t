# A message in three chunks, a command at a time.
at rcpt
C: BDAT 24
C- From: a@sandbox.test\r\n\r\n
S: 250 2.0.0 24 bytes taken
C: bdat 7
C- hello\r\n
S: 250 2.0.0 7 bytes taken
C: BDAT 7 last
C- again\r\n
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
> hello
> again
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
= open
