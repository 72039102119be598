# STARTTLS forgets the login that was made in clear.
conf auth_clear
at ehlo
C: AUTH PLAIN {plain}
S: 235 2.7.0 Granted for sandbox/sandbox
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
S: 530 5.7.0 Authentication required
= open
