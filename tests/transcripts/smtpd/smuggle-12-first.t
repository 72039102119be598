# Smuggling: LF . CRLF as the first octets; no header, so no From.
at data
! answer 530 5.7.1 From/Sender name is not valid
C- \n.\r\nMAIL FROM:<evil@sandbox.test>\r\n
C: RCPT TO:<victim@to.test>
C: DATA
C: From: evil@sandbox.test
C:
C: smuggled
C: .
S: 530 5.7.1 From/Sender name is not valid
= open
