# A bare CR is refused at the end, also one at the very end.
at rcpt
C: BDAT 27
C- From: a@sandbox.test\r\n\r\nx\ry
S: 250 2.0.0 27 bytes taken
C: BDAT 0 LAST
S: 550 5.5.2 Message has a CR without LF; lines end in CRLF
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
C: RCPT TO:<b@to.test>
S: 250 2.1.5 Ok
C: BDAT 26 LAST
C- From: a@sandbox.test\r\n\r\nx\r
S: 550 5.5.2 Message has a CR without LF; lines end in CRLF
= open
