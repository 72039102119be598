# Open relay, in the forms that parse: all refused.
kind mx
at mail
C: RCPT TO:<b@to.test>
S: 550 5.1.1 No mail for this address is taken here
C: RCPT TO:<b@sandbox.test>
S: 550 5.1.1 No mail for this address is taken here
C: RCPT TO:<postmaster@sandbox.test>
S: 550 5.1.1 No mail for this address is taken here
C: RCPT TO:<a%to.test@sandbox.test>
S: 550 5.1.1 No mail for this address is taken here
C: RCPT TO:<to.test!a@sandbox.test>
S: 550 5.1.1 No mail for this address is taken here
C: RCPT TO:<@sandbox.test:b@to.test>
S: 550 5.1.1 No mail for this address is taken here
C: RCPT TO:<@sandbox.test,@to.test:b@to.test>
S: 550 5.1.1 No mail for this address is taken here
C: RCPT TO:<"b@to.test"@sandbox.test>
S: 550 5.1.1 No mail for this address is taken here
C: RCPT TO:<"b"@to.test>
S: 550 5.1.1 No mail for this address is taken here
C: RCPT TO:<b@localhost>
S: 550 5.1.1 No mail for this address is taken here
C: RCPT TO:<b@[127.0.0.1]>
S: 550 5.1.1 No mail for this address is taken here
C: RCPT TO:<b@[IPv6:::1]>
S: 550 5.1.1 No mail for this address is taken here
C: RCPT TO:<b%to.test@[127.0.0.1]>
S: 550 5.1.1 No mail for this address is taken here
C: RCPT TO:<a@mail.sandbox.test>
S: 550 5.1.1 No mail for this address is taken here
C: RCPT TO:<"a b"@sandbox.test>
S: 550 5.1.1 No mail for this address is taken here
C: RCPT TO:<b@SANDBOX.TEST>
S: 550 5.1.1 No mail for this address is taken here
C: DATA
S: 554 5.5.1 No valid recipients
= open
