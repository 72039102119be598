# Controls in a text come out escaped.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test greets you
S: 250-PIPELINING
S: 250-SIZE 1000000
S: 250 8BITMIME
C: MAIL FROM:<a@from.test> SIZE=1234
C: RCPT TO:<b@to.test>
C: DATA
S: 550 no\0\x1b[2Jsuch user
S: 503 no
S: 503 no
C: QUIT
= permanent 550 5.0.0 mail no\x00\x1b[2Jsuch user
