# No login in the middle of a transaction.
kind mx
only pure
conf mx_auth
at ehlo
C: STARTTLS
S: 220 2.0.0 Ready to start TLS
! tls
C: EHLO client.test
S: 250-mail.sandbox.test
S: 250-PIPELINING
S: 250-SIZE 409600
S: 250-8BITMIME
S: 250-SMTPUTF8
S: 250-CHUNKING
S: 250-AUTH PLAIN LOGIN
S: 250 ENHANCEDSTATUSCODES
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
C: AUTH PLAIN {plain}
S: 503 5.5.1 No AUTH within a transaction; RSET to end it
C: RSET
S: 250 2.0.0 Ok
C: AUTH PLAIN {plain}
S: 235 2.7.0 Granted for sandbox/sandbox
= open
