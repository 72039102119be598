# Raw UTF-8 in the address of From, in a message that came without SMTPUTF8.
at rcpt
! answer 530 5.7.1 From/Sender name is not valid
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: From: j\xc3\xb6rg@sandbox.test
C:
C: .
S: 530 5.7.1 From/Sender name is not valid
= open
