# A NUL refuses the message; it is never cut there.
at data
C: From: a@sandbox.test
C:
C: be\0fore
C: .
S: 550 5.6.0 Message has a NUL byte
C: DATA
S: 503 5.5.1 MAIL first
= open
