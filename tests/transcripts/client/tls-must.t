# TLS is required and not offered.
session tls=must
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250 mx.test
C: QUIT
= temporary 0 4.7.4 ehlo the server does not offer STARTTLS, which is required for it
