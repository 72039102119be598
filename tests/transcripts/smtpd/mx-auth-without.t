# The MX door with AUTH, for who does not log in: no login is asked for, nothing is relayed.
kind mx
conf mx_auth
at ehlo
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
C: RCPT TO:<b@to.test>
S: 550 5.1.1 No mail for this address is taken here
C: DATA
S: 554 5.5.1 No valid recipients
= open
