# An enhanced code of another class than the reply's is not believed.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test greets you
S: 250-PIPELINING
S: 250-SIZE 1000000
S: 250 8BITMIME
C: MAIL FROM:<a@from.test> SIZE=1234
C: RCPT TO:<b@to.test>
C: DATA
S: 550 2.1.1 strange
S: 503 no
S: 503 no
C: QUIT
= permanent 550 5.0.0 mail 2.1.1 strange
