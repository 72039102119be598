# Repaired line ends count as well.
at rcpt
C: BDAT 24
C- From: a@sandbox.test\r\n\r\n
S: 250 2.0.0 24 bytes taken
C: BDAT 300000
C- {100000*x\n\n}
S: 552 5.3.4 Message is larger than 409600 bytes
C: BDAT 6 LAST
C- QUIT\r\n
S: 503 5.5.1 A chunk was refused; RSET to begin anew
= open
