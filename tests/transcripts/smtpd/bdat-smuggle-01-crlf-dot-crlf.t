# CRLF.CRLF in a chunk is text, and so is the envelope behind it; no dot is dropped or doubled.
at rcpt
C: BDAT 107 LAST
C- From: a@sandbox.test\r\n\r\nhello\r\n.\r\nMAIL FROM:<evil@sandbox.test>\r\nRCPT TO:<evil@to.test>\r\nDATA\r\n..x\r\n.y\r\nz\r\n
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
> hello
> .
> MAIL FROM:<evil@sandbox.test>
> RCPT TO:<evil@to.test>
> DATA
> ..x
> .y
> z
= open
