# Bounces keep their null sender.
task sender= rcpt=b@to.test size=9
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test greets you
S: 250-PIPELINING
S: 250-SIZE 1000000
S: 250 8BITMIME
C: MAIL FROM:<> SIZE=9
C: RCPT TO:<b@to.test>
C: DATA
S: 250 ok
S: 250 ok
S: 354 ok
C: {content}
S: 250 2.6.0 ok
C: QUIT
= done 250 2.6.0 dot 2.6.0 ok
