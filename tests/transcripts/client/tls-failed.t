# A handshake that fails ends the attempt.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test
S: 250 STARTTLS
C: STARTTLS
S: 220 ready
C: {tls-failed}
= temporary 0 4.7.0 tls the TLS handshake failed: unit test
