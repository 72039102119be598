# RCPT refused, DATA refused.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test greets you
S: 250-PIPELINING
S: 250-SIZE 1000000
S: 250 8BITMIME
C: MAIL FROM:<a@from.test> SIZE=1234
C: RCPT TO:<b@to.test>
C: DATA
S: 250 ok
S: 550-5.1.1 there is no such user
S: 550 5.1.1 here
S: 554 5.5.1 no valid recipients
C: QUIT
= permanent 550 5.1.1 rcpt 5.1.1 there is no such user 5.1.1 here
