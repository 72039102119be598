# What is behind the number must be LAST; the octets are read all the same.
at rcpt
C: BDAT 6 FIRST
C- QUIT\r\n
S: 501 5.5.4 Syntax: BDAT size [LAST]
C: BDAT 6 LAST
C- QUIT\r\n
S: 503 5.5.1 A chunk was refused; RSET to begin anew
C: RSET
S: 250 2.0.0 Ok
C: BDAT 6 LAST X
C- QUIT\r\n
S: 501 5.5.4 Syntax: BDAT size [LAST]
= open
