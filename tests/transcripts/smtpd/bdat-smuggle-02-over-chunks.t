# CRLF.CRLF with a piece in each chunk is text as well.
at rcpt
C: BDAT 30
C- From: a@sandbox.test\r\n\r\nhello\r
S: 250 2.0.0 30 bytes taken
C: BDAT 1
C- \n
S: 250 2.0.0 1 bytes taken
C: BDAT 1
C- .
S: 250 2.0.0 1 bytes taken
C: BDAT 1
C- \r
S: 250 2.0.0 1 bytes taken
C: BDAT 5 LAST
C- \nQUIT
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
> hello
> .
> QUIT
= open
