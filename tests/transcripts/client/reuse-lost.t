# The server closes as the second transaction begins: nothing was sent that could be a copy.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test
S: 250 PIPELINING
C: MAIL FROM:<a@from.test>
C: RCPT TO:<b@to.test>
C: DATA
S: 250 ok
S: 250 ok
S: 354 ok
C: {content}
S: 250 ok
= done 250 2.0.0 dot ok
next sender=a@from.test rcpt=b@to.test
C: MAIL FROM:<a@from.test>
C: RCPT TO:<b@to.test>
C: DATA
! lost
= temporary 0 4.4.2 mail the connection was lost while waiting for the reply to MAIL FROM: unit test
