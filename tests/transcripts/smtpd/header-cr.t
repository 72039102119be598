# A header field behind a bare CR.
at data
C: From: a@sandbox.test
C: Subject: a\rX-Evil: 1
C:
C: hello
C: .
S: 550 5.5.2 Message has a CR without LF; lines end in CRLF
= open
