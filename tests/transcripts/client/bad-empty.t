# An empty line.
S: 220 mx.test ESMTP
C: EHLO me.test
S:
= temporary 0 4.5.0 ehlo the server's reply is malformed: *
