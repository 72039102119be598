# Everything in one write, chunks and the commands behind them included; then a second message.
at auth
C: MAIL FROM:<a@sandbox.test>
C: RCPT TO:<b@to.test>
C: BDAT 24
C- From: a@sandbox.test\r\n\r\nBDAT 7
C- \r\nhello\r\nNOOP
C- \r\nBDAT 7 LAST\r\nagain\r\nMAIL FROM:<c@sandbox.test>\r\n
C: RCPT TO:<d@to.test>
C: BDAT 24 LAST
C- From: c@sandbox.test\r\n\r\nQUIT
C- \r\n
S: 250 2.1.0 Ok
S: 250 2.1.5 Ok
S: 250 2.0.0 24 bytes taken
S: 250 2.0.0 7 bytes taken
S: 250 2.0.0 Ok
S: 250 2.0.0 Ok: queued as *
S: 250 2.1.0 Ok
S: 250 2.1.5 Ok
S: 250 2.0.0 Ok: queued as *
S: 221 2.0.0 Bye
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
> hello
> again
M: <c@sandbox.test> <d@to.test>
> From: c@sandbox.test
>
= closed
