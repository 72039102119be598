# With an argument; twice.
at ehlo
C: STARTTLS now
S: 501 5.5.4 STARTTLS takes no argument
C: STARTTLS
S: 220 2.0.0 Ready to start TLS
! tls
C: STARTTLS
S: 503 5.5.1 TLS is already there
= open
