# SMTPUTF8 is of one transaction.
at auth
C: MAIL FROM:<j\xc3\xb6rg@sandbox.test> smtputf8
S: 250 2.1.0 Ok
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
C: RCPT TO:<j\xc3\xb6rg@to.test>
S: 553 5.6.7 Recipient address: non-ASCII characters need SMTPUTF8 with MAIL
= open
