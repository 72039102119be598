# A bare LF is repaired; CR and LF in two chunks are one line end.
at rcpt
C: BDAT 23
C- From: a@sandbox.test\r\n\r
S: 250 2.0.0 23 bytes taken
C: BDAT 7
C- \none\ntw
S: 250 2.0.0 7 bytes taken
C: BDAT 8 LAST
C- o\nthree\n
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
> one
> two
> three
= open
