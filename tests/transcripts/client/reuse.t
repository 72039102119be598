# Several transactions in a session; a refused one is forgotten by RSET, in one go with the next.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test greets you
S: 250-PIPELINING
S: 250 8BITMIME
C: MAIL FROM:<a@from.test>
C: RCPT TO:<b@to.test>
C: DATA
S: 250 ok
S: 250 ok
S: 354 ok
C: {content}
S: 250 2.0.0 first
= done 250 2.0.0 dot 2.0.0 first
next sender=c@from.test rcpt=d@to.test
C: MAIL FROM:<c@from.test>
C: RCPT TO:<d@to.test>
C: DATA
S: 250 ok
S: 550 5.1.1 no such user
S: 503 no recipient
= permanent 550 5.1.1 rcpt 5.1.1 no such user
next sender=e@from.test rcpt=f@to.test
C: RSET
C: MAIL FROM:<e@from.test>
C: RCPT TO:<f@to.test>
C: DATA
S: 250 ok
S: 250 ok
S: 250 ok
S: 354 ok
C: {content}
S: 451 4.3.0 not now
= temporary 451 4.3.0 dot 4.3.0 not now
next sender= rcpt=g@to.test
C: MAIL FROM:<>
C: RCPT TO:<g@to.test>
C: DATA
S: 250 ok
S: 250 ok
S: 354 ok
C: {content}
S: 250 ok
C: QUIT
= done 250 2.0.0 dot ok
