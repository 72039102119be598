# DATA cannot follow BDAT, and its text is not asked for; the transaction goes on.
at rcpt
C: BDAT 24
C- From: a@sandbox.test\r\n\r\n
C: DATA
S: 250 2.0.0 24 bytes taken
S: 503 5.5.1 DATA cannot follow BDAT; RSET to begin anew
C: BDAT 0 LAST
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
= open
