# TLS is not wanted.
session tls=none
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test
S: 250 STARTTLS
C: MAIL FROM:<a@from.test>
S: 550 no
C: QUIT
= permanent 550 5.0.0 mail no
