# Open relay, in forms that are no address.
kind mx
at mail
C: RCPT TO:<b%to.test>
S: 501 5.1.3 Recipient address: the address has no @
C: RCPT TO:<b@to.test@sandbox.test>
S: 501 5.1.3 Recipient address: *
C: RCPT TO:<b@sandbox.test@to.test>
S: 501 5.1.3 Recipient address: *
C: RCPT TO:<"b@to.test">
S: 501 5.1.3 Recipient address: *
C: RCPT TO:<to.test!b>
S: 501 5.1.3 Recipient address: the address has no @
C: RCPT TO:<@sandbox.test:@to.test:b@to.test>
S: 501 5.1.3 Recipient address: *
C: RCPT TO:<;b@to.test>
S: 501 5.1.3 Recipient address: *
C: RCPT TO:b@to.test
S: 501 5.1.3 Recipient address: the address is not in angle brackets
C: RCPT TO:<|/bin/sh@sandbox.test>
S: 550 5.1.1 No mail for this address is taken here
C: RCPT TO:<../../etc/passwd@sandbox.test>
S: 501 5.1.3 Recipient address: *
C: RCPT TO:<$(id)@sandbox.test>
S: 501 5.1.3 Recipient address: *
C: DATA
S: 554 5.5.1 No valid recipients
= open
