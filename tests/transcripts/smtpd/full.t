# No room: refused before the data, the transaction ends.
only pure
at rcpt
! full 452 4.3.1 Not enough room for mail now, try again later
C: DATA
S: 452 4.3.1 Not enough room for mail now, try again later
C: DATA
S: 503 5.5.1 MAIL first
= open
