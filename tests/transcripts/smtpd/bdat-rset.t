# RSET and EHLO throw away what has come of a message.
at rcpt
C: BDAT 24
C- From: a@sandbox.test\r\n\r\n
S: 250 2.0.0 24 bytes taken
C: RSET
S: 250 2.0.0 Ok
C: BDAT 7 LAST
C- hello\r\n
S: 503 5.5.1 MAIL first
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
C: RCPT TO:<b@to.test>
S: 250 2.1.5 Ok
C: BDAT 24
C- From: a@sandbox.test\r\n\r\n
S: 250 2.0.0 24 bytes taken
C: HELO client.test
S: 250 mail.sandbox.test
C: BDAT 0 LAST
S: 503 5.5.1 MAIL first
= open
