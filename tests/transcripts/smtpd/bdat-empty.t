# A message of nothing is no message with a From.
at rcpt
! answer 530 5.7.1 From/Sender name is not valid
C: BDAT 0 LAST
S: 530 5.7.1 From/Sender name is not valid
C: BDAT 0 LAST
S: 503 5.5.1 MAIL first
= open
