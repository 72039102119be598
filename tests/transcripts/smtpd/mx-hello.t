# The MX door: STARTTLS, no AUTH.
kind mx
S: 220 mail.sandbox.test ESMTP Posthaste
C: EHLO client.test
S: 250-mail.sandbox.test
S: 250-PIPELINING
S: 250-SIZE 409600
S: 250-8BITMIME
S: 250-STARTTLS
S: 250 ENHANCEDSTATUSCODES
C: STARTTLS
S: 220 2.0.0 Ready to start TLS
! tls
C: EHLO client.test
S: 250-mail.sandbox.test
S: 250-PIPELINING
S: 250-SIZE 409600
S: 250-8BITMIME
S: 250 ENHANCEDSTATUSCODES
C: QUIT
S: 221 2.0.0 Bye
= closed
