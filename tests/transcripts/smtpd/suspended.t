# The mail server is suspended: refused before the data, the transaction ends.
only pure
at rcpt
! full 550 5.7.1 Mail server has been suspended
C: DATA
S: 550 5.7.1 Mail server has been suspended
C: DATA
S: 503 5.5.1 MAIL first
= open
