# MAIL refused and DATA accepted: a lone dot; even a 250 to it delivers nothing.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test greets you
S: 250-PIPELINING
S: 250-SIZE 1000000
S: 250 8BITMIME
C: MAIL FROM:<a@from.test> SIZE=1234
C: RCPT TO:<b@to.test>
C: DATA
S: 550 no
S: 550 no
S: 354 go on
C: .
S: 250 ok
C: QUIT
= permanent 550 5.0.0 mail no
