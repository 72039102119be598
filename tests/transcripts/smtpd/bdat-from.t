# The From is checked as with DATA.
at rcpt
! answer 530 5.7.1 From/Sender name is not valid
C: BDAT 32 LAST
C- From: a@others.test\r\n\r\nhello\r\n\r\n
S: 530 5.7.1 From/Sender name is not valid
= open
