# Without SMTPUTF8 no address may have UTF-8, not even in its domain; the transaction goes on.
at auth
C: MAIL FROM:<j\xc3\xb6rg@sandbox.test>
S: 553 5.6.7 Sender address: non-ASCII characters need SMTPUTF8
C: MAIL FROM:<a@m\xc3\xbcnchen.example> BODY=8BITMIME
S: 553 5.6.7 Sender address: non-ASCII characters need SMTPUTF8
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
C: RCPT TO:<j\xc3\xb6rg@to.test>
S: 553 5.6.7 Recipient address: non-ASCII characters need SMTPUTF8 with MAIL
C: RCPT TO:<b@m\xc3\xbcnchen.example>
S: 553 5.6.7 Recipient address: non-ASCII characters need SMTPUTF8 with MAIL
C: RCPT TO:<b@to.test>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: From: a@sandbox.test
C:
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
= open
