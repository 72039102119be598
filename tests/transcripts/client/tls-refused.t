# STARTTLS offered and refused: on in clear, as if it had not been offered.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test
S: 250 STARTTLS
C: STARTTLS
S: 454 4.7.0 no TLS now
C: MAIL FROM:<a@from.test>
S: 250 ok
C: RCPT TO:<b@to.test>
S: 550 5.1.1 no such user
C: QUIT
= permanent 550 5.1.1 rcpt 5.1.1 no such user
