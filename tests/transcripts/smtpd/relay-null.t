# Nor has the null sender one.
kind mx
at ehlo
C: MAIL FROM:<> SIZE=100 BODY=8BITMIME
S: 250 2.1.0 Ok
C: RCPT TO:<b@to.test>
S: 550 5.1.1 No mail for this address is taken here
C: DATA
S: 554 5.5.1 No valid recipients
C: RSET
S: 250 2.0.0 Ok
C: DATA
S: 503 5.5.1 MAIL first
= open
