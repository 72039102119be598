# Larger than the limit in one chunk: its octets are read, the rest of the transaction is refused.
at rcpt
C: BDAT 24
C- From: a@sandbox.test\r\n\r\n
S: 250 2.0.0 24 bytes taken
C: BDAT 409580
C- {40958*QUIT\r\nXY\r\n}
S: 552 5.3.4 Message is larger than 409600 bytes
C: BDAT 6 LAST
C- QUIT\r\n
S: 503 5.5.1 A chunk was refused; RSET to begin anew
C: NOOP
S: 250 2.0.0 Ok
= open
