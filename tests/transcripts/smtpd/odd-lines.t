# A bare LF, a bare CR or a NUL in a command: one refusal, no state changed.
at auth
C: MAIL FROM:<a@sandbox.test>\nRCPT TO:<b@to.test>
S: 500 5.5.2 Command has a CR, LF or NUL in it; lines end in CRLF
C: MAIL FROM:<a@sandbox.test>\rRCPT TO:<b@to.test>
S: 500 5.5.2 Command has a CR, LF or NUL in it; lines end in CRLF
C: MAIL FROM:<a@sandbox.test>\0
S: 500 5.5.2 Command has a CR, LF or NUL in it; lines end in CRLF
C: MAIL FROM:<a\0b@sandbox.test>
S: 500 5.5.2 Command has a CR, LF or NUL in it; lines end in CRLF
C: NOOP\r
S: 500 5.5.2 Command has a CR, LF or NUL in it; lines end in CRLF
C: \nNOOP
S: 500 5.5.2 Command has a CR, LF or NUL in it; lines end in CRLF
C: RCPT TO:<b@to.test>
S: 503 5.5.1 MAIL first
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
C: RCPT TO:<b@to.test>\nRCPT TO:<c@to.test>
S: 500 5.5.2 Command has a CR, LF or NUL in it; lines end in CRLF
C: DATA\n
S: 500 5.5.2 Command has a CR, LF or NUL in it; lines end in CRLF
C: DATA
S: 503 5.5.1 RCPT first
= open
