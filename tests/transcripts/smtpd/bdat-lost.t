# Lost in the middle of a chunk: no message.
at rcpt
C: BDAT 1000 LAST
C- From: a@sandbox.test\r\n\r\n
! lost
= closed
