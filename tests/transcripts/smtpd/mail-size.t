# SIZE in all its forms (RFC 1870).
at auth
C: MAIL FROM:<a@sandbox.test> SIZE=409601
S: 552 5.3.4 Message is larger than 409600 bytes
C: MAIL FROM:<a@sandbox.test> SIZE=18446744073709551617
S: 552 5.3.4 Message is larger than 409600 bytes
C: MAIL FROM:<a@sandbox.test> SIZE=99999999999999999999
S: 552 5.3.4 Message is larger than 409600 bytes
C: MAIL FROM:<a@sandbox.test> SIZE=999999999999999999999
S: 501 5.5.4 SIZE needs a number of bytes
C: MAIL FROM:<a@sandbox.test> SIZE=-1
S: 501 5.5.4 SIZE needs a number of bytes
C: MAIL FROM:<a@sandbox.test> SIZE=12k
S: 501 5.5.4 SIZE needs a number of bytes
C: MAIL FROM:<a@sandbox.test> SIZE=
S: 501 5.5.4 SIZE needs a number of bytes
C: MAIL FROM:<a@sandbox.test> SIZE
S: 501 5.5.4 SIZE needs a number of bytes
C: RCPT TO:<b@to.test>
S: 503 5.5.1 MAIL first
C: MAIL FROM:<a@sandbox.test> size=409600
S: 250 2.1.0 Ok
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<a@sandbox.test> SIZE=0
S: 250 2.1.0 Ok
= open
