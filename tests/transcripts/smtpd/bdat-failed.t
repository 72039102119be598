# After a refused chunk nothing of its transaction is taken, until RSET.
at mail
C: BDAT 5
C- hello
S: 503 5.5.1 RCPT first
C: RCPT TO:<b@to.test>
S: 503 5.5.1 BDAT has begun; RSET to begin anew
C: BDAT 5 LAST
C- hello
S: 503 5.5.1 A chunk was refused; RSET to begin anew
C: DATA
S: 503 5.5.1 DATA cannot follow BDAT; RSET to begin anew
C: MAIL FROM:<a@sandbox.test>
S: 503 5.5.1 Sender already given; RSET to begin anew
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
C: RCPT TO:<b@to.test>
S: 250 2.1.5 Ok
C: BDAT 24 LAST
C- From: a@sandbox.test\r\n\r\n
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
= open
