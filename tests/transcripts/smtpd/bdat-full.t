# No room: the chunk is read, refused, and the transaction with it.
only pure
at rcpt
! full 452 4.3.1 Not enough room for mail now, try again later
C: BDAT 6
C- QUIT\r\n
S: 452 4.3.1 Not enough room for mail now, try again later
C: BDAT 6 LAST
C- QUIT\r\n
S: 503 5.5.1 A chunk was refused; RSET to begin anew
= open
