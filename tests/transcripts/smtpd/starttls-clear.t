# Clear text in the place of a handshake.
at ehlo
C: STARTTLS
S: 220 2.0.0 Ready to start TLS
! tls-failed
= closed
