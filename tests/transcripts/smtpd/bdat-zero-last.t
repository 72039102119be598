# An empty chunk may be the last; an empty one in between is one, too.
at rcpt
C: BDAT 0
S: 250 2.0.0 0 bytes taken
C: BDAT 24
C- From: a@sandbox.test\r\n\r\n
S: 250 2.0.0 24 bytes taken
C: BDAT 0 LAST
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
= open
