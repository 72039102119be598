# Submission without login, before and after TLS; nothing of it is kept.
at ehlo
C: MAIL FROM:<a@sandbox.test>
S: 530 5.7.0 Must issue a STARTTLS command first
C: RCPT TO:<b@to.test>
S: 503 5.5.1 MAIL first
C: DATA
S: 503 5.5.1 MAIL first
C: AUTH PLAIN {plain}
S: 538 5.7.11 Encryption required: STARTTLS first
C: STARTTLS
S: 220 2.0.0 Ready to start TLS
! tls
C: MAIL FROM:<a@sandbox.test>
S: 503 5.5.1 EHLO first
C: AUTH PLAIN {plain}
S: 503 5.5.1 EHLO first
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
C: MAIL FROM:<>
S: 530 5.7.0 Authentication required
C: RCPT TO:<b@to.test>
S: 503 5.5.1 MAIL first
C: DATA
S: 503 5.5.1 MAIL first
= open
