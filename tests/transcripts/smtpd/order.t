# Each command in the wrong place.
at ehlo
C: RCPT TO:<b@to.test>
S: 503 5.5.1 MAIL first
C: DATA
S: 503 5.5.1 MAIL first
C: STARTTLS
S: 220 2.0.0 Ready to start TLS
! tls
C: RCPT TO:<b@to.test>
S: 503 5.5.1 MAIL first
C: DATA
S: 503 5.5.1 MAIL first
= open
