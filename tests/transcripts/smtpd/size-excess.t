# One byte more: read to its end and refused; the session goes on.
at data
C: From: a@sandbox.test
C:
C: {40957*0123456 89}56789
C: .
S: 552 5.3.4 Message is larger than 409600 bytes
C: DATA
S: 503 5.5.1 MAIL first
= open
