# Smuggling: CRLF . CR.
at data
C: From: a@sandbox.test
C:
C- x\r\n.\rMAIL FROM:<evil@sandbox.test>\r\n
C: RCPT TO:<victim@to.test>
C: DATA
C: From: evil@sandbox.test
C:
C: smuggled
C: .
C: NOOP
S: 550 5.5.2 Message has a CR without LF; lines end in CRLF
S: 250 2.0.0 Ok
= open
