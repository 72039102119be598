# TLS is required, offered and then refused.
session tls=must
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test
S: 250 STARTTLS
C: STARTTLS
S: 454 4.7.0 not available
C: QUIT
= temporary 0 4.7.4 tls the server does not offer STARTTLS, which is required for it
