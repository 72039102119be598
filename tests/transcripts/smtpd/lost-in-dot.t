# The same one octet before the end.
at data
C: From: a@sandbox.test
C:
C: hello
C- .\r
! lost
= closed
