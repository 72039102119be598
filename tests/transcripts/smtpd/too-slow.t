# The bytes of a message drip.
only pure
at data
C: From: a@sandbox.test
C:
C- hel
! end 421 4.4.2 The message comes too slowly, closing
S: 421 4.4.2 The message comes too slowly, closing
= closed
