# Recipients that are none; the others go on.
at mail
C: RCPT
S: 501 5.5.4 Syntax: RCPT TO:<address>
C: RCPT FROM:<b@to.test>
S: 501 5.5.4 Syntax: RCPT TO:<address>
C: RCPT TO:<>
S: 501 5.1.3 Recipient address: it is empty
C: RCPT TO:<b>
S: 501 5.1.3 Recipient address: the address has no @
C: RCPT TO:<b@[300.1.1.1]>
S: 501 5.1.3 Recipient address: the part in square brackets is not a usable IP address
C: RCPT TO:<b@127.0.0.1>
S: 501 5.1.3 Recipient address: the domain ends with a number
C: RCPT TO:<"b@to.test>
S: 501 5.1.3 Recipient address: the address is not in angle brackets
C: RCPT TO:<b@to.test> <c@to.test>
S: 555 5.5.4 Unknown RCPT parameter
C: RCPT TO:<b@to.test> NOTIFY=NEVER
S: 555 5.5.4 Unknown RCPT parameter
C: RCPT TO:<b@{64*x}.test>
S: 501 5.1.3 Recipient address: the domain has a label of more than 63 characters
C: DATA
S: 554 5.5.1 No valid recipients
C: RCPT TO:<b@to.test>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: From: a@sandbox.test
C:
C: hello
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
> hello
= open
