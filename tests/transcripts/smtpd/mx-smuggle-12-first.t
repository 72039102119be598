# Smuggling at the MX door: LF . CRLF as the first octets.
kind mx
only pure
at data
C- \n.\r\nMAIL FROM:<evil@sandbox.test>\r\n
C: RCPT TO:<victim@to.test>
C: DATA
C: From: evil@sandbox.test
C:
C: smuggled
C: .
S: 550 5.5.2 Message has a LF without CR; lines end in CRLF
= open
