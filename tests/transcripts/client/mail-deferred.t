# MAIL deferred.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test greets you
S: 250-PIPELINING
S: 250-SIZE 1000000
S: 250 8BITMIME
C: MAIL FROM:<a@from.test> SIZE=1234
C: RCPT TO:<b@to.test>
C: DATA
S: 451 4.7.1 greylisted
S: 503 no
S: 503 no
C: QUIT
= temporary 451 4.7.1 mail 4.7.1 greylisted
