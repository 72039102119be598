# Lost while MAIL, RCPT and DATA are under way.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test greets you
S: 250-PIPELINING
S: 250-SIZE 1000000
S: 250 8BITMIME
C: MAIL FROM:<a@from.test> SIZE=1234
C: RCPT TO:<b@to.test>
C: DATA
! lost
= temporary 0 4.4.2 mail the connection was lost while waiting for the reply to MAIL FROM: unit test
