# The mail server has too much mail waiting: refused before the data, as by a full disk.
only pure
at rcpt
! full 452 4.3.1 Your mail server has too much mail waiting, try again later
C: DATA
S: 452 4.3.1 Your mail server has too much mail waiting, try again later
C: RSET
S: 250 2.0.0 Ok
= open
