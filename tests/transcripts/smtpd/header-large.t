# A header section of more than 256 KiB.
at data
! answer 552 5.3.4 Header section is too large
C: From: a@sandbox.test
C- {30000*X-A: 67\r\n}
C:
C: hello
C: .
S: 552 5.3.4 Header section is too large
= open
