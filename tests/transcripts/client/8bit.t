# An 8-bit message says so.
task sender=a@from.test rcpt=b@to.test size=1234 8bit
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test greets you
S: 250-PIPELINING
S: 250-SIZE 1000000
S: 250 8BITMIME
C: MAIL FROM:<a@from.test> SIZE=1234 BODY=8BITMIME
C: RCPT TO:<b@to.test>
C: DATA
S: 250 ok
S: 250 ok
S: 354 ok
C: {content}
S: 250 ok
C: QUIT
= done 250 2.0.0 dot ok
