# Counted over all chunks; exactly the limit is fine.
at rcpt
C: BDAT 24
C- From: a@sandbox.test\r\n\r\n
S: 250 2.0.0 24 bytes taken
C: BDAT 409570
C- {40957*01234567\r\n}
S: 250 2.0.0 409570 bytes taken
C: BDAT 7
C- hello\r\n
S: 552 5.3.4 Message is larger than 409600 bytes
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
C: RCPT TO:<b@to.test>
S: 250 2.1.5 Ok
C: BDAT 24
C- From: a@sandbox.test\r\n\r\n
S: 250 2.0.0 24 bytes taken
C: BDAT 409570
C- {40957*01234567\r\n}
S: 250 2.0.0 409570 bytes taken
C: BDAT 6 LAST
C- ending
S: 552 5.3.4 Message is larger than 409600 bytes
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
C: RCPT TO:<b@to.test>
S: 250 2.1.5 Ok
C: BDAT 24
C- From: a@sandbox.test\r\n\r\n
S: 250 2.0.0 24 bytes taken
C: BDAT 409576 LAST
C- {40957*01234567\r\n}endi\r\n
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
>- {40957*01234567\r\n}endi\r\n
= open
