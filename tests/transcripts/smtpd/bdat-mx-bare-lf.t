# At the MX door a bare LF is refused.
kind mx
only pure
at rcpt
C: BDAT 27 LAST
C- From: a@sandbox.test\r\n\r\nx\ny
S: 550 5.5.2 Message has a LF without CR; lines end in CRLF
= open
