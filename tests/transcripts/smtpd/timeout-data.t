# The same in DATA: nothing is kept.
at data
C: From: a@sandbox.test
C:
C: hello
! timeout
S: 421 4.4.2 Nothing came for too long, closing
= closed
