# Lines of one reply with different codes.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test
S: 550 no
= temporary 0 4.5.0 ehlo the server's reply is malformed: *
