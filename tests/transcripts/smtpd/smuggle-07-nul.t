# Smuggling: CRLF NUL . CRLF.
at data
C: From: a@sandbox.test
C:
C- x\r\n\0.\r\nMAIL FROM:<evil@sandbox.test>\r\n
C: RCPT TO:<victim@to.test>
C: DATA
C: From: evil@sandbox.test
C:
C: smuggled
C: .
C: NOOP
S: 550 5.6.0 Message has a NUL byte
S: 250 2.0.0 Ok
= open
