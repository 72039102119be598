# The connection is lost in the middle of DATA: nothing is kept.
at data
C: From: a@sandbox.test
C:
C: hello
! lost
= closed
