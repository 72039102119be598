# What was said in the clear does not count after the handshake (RFC 3207 4.2).
kind mx
at mail
C: STARTTLS
S: 220 2.0.0 Ready to start TLS
! tls
C: RCPT TO:<b@sandbox.test>
S: 503 5.5.1 MAIL first
C: MAIL FROM:<a@remote.test>
S: 503 5.5.1 EHLO first
= open
