# MAIL refused; the replies to RCPT and DATA are read before QUIT.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test greets you
S: 250-PIPELINING
S: 250-SIZE 1000000
S: 250 8BITMIME
C: MAIL FROM:<a@from.test> SIZE=1234
C: RCPT TO:<b@to.test>
C: DATA
S: 550 5.7.1 not you
S: 503 5.5.1 MAIL first
S: 503 5.5.1 RCPT first
C: QUIT
= permanent 550 5.7.1 mail 5.7.1 not you
