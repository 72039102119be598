# A NUL is refused.
at rcpt
C: BDAT 28 LAST
C- From: a@sandbox.test\r\n\r\n\0x\r\n
S: 550 5.6.0 Message has a NUL byte
= open
