# A group.
at data
! answer 530 5.7.1 From/Sender name is not valid
C: From: us: a@sandbox.test;
C:
C: hello
C: .
S: 530 5.7.1 From/Sender name is not valid
C: DATA
S: 503 5.5.1 MAIL first
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
= open
