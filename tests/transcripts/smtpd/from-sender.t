# Sender of ours does not make From ours.
at data
! answer 530 5.7.1 From/Sender name is not valid
C: Sender: a@sandbox.test
C: From: b@elsewhere.test
C:
C: hello
C: .
S: 530 5.7.1 From/Sender name is not valid
C: DATA
S: 503 5.5.1 MAIL first
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
= open
