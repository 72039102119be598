# A server that refuses RSET gets no second transaction.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test
S: 250 PIPELINING
C: MAIL FROM:<a@from.test>
C: RCPT TO:<b@to.test>
C: DATA
S: 250 ok
S: 550 no
S: 503 no
= permanent 550 5.0.0 rcpt no
next sender=a@from.test rcpt=b@to.test
C: RSET
C: MAIL FROM:<a@from.test>
C: RCPT TO:<b@to.test>
C: DATA
S: 451 4.0.0 cannot
C: QUIT
= temporary 451 4.0.0 mail 4.0.0 cannot
