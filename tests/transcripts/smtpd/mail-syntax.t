# Senders that are none; each leaves the transaction unbegun.
at auth
C: MAIL
S: 501 5.5.4 Syntax: MAIL FROM:<address>
C: MAIL TO:<a@sandbox.test>
S: 501 5.5.4 Syntax: MAIL FROM:<address>
C: MAIL FROM <a@sandbox.test>
S: 501 5.5.4 Syntax: MAIL FROM:<address>
C: MAIL FROM:a@sandbox.test
S: 501 5.1.7 Sender address: the address is not in angle brackets
C: MAIL FROM:<a@sandbox.test
S: 501 5.1.7 Sender address: the address is not in angle brackets
C: MAIL FROM:<a>
S: 501 5.1.7 Sender address: the address has no @
C: MAIL FROM:<@sandbox.test>
S: 501 5.1.7 Sender address: *
C: MAIL FROM:<a b@sandbox.test>
S: 501 5.1.7 Sender address: the part before the @ has a character that is not allowed
C: MAIL FROM:<a\xff@sandbox.test>
S: 501 5.1.7 Sender address: the address has non-ASCII characters that are no text in UTF-8
C: MAIL FROM:<{65*a}@sandbox.test>
S: 501 5.1.7 Sender address: the part before the @ has more than 64 characters
C: MAIL FROM:<a@sandbox..test>
S: 501 5.1.7 Sender address: the domain has an empty label
C: RCPT TO:<b@to.test>
S: 503 5.5.1 MAIL first
C: MAIL FROM: <a@sandbox.test>
S: 250 2.1.0 Ok
= open
