# At the MX door such a client is asked about at the first recipient, and submits.
kind mx
only pure
! network
at ehlo
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
C: RCPT TO:<b@to.test>
S: 250 2.1.5 Ok
C: RCPT TO:<c@to.test>
S: 250 2.1.5 Ok
C: BDAT 30 LAST
C- From: a@sandbox.test\r\n\r\none\ntw
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test> <c@to.test>
> From: a@sandbox.test
>
> one
> tw
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
C: RCPT TO:<b@to.test>
S: 250 2.1.5 Ok
= open
