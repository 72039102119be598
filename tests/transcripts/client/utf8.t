# A message that came with SMTPUTF8 goes on with it.
task sender=a@from.test rcpt=b@to.test size=1234 8bit utf8
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test greets you
S: 250-PIPELINING
S: 250-SIZE 1000000
S: 250-8BITMIME
S: 250 smtputf8
C: MAIL FROM:<a@from.test> SIZE=1234 BODY=8BITMIME SMTPUTF8
C: RCPT TO:<b@to.test>
C: DATA
S: 250 ok
S: 250 ok
S: 354 ok
C: {content}
S: 250 ok
C: QUIT
= done 250 2.0.0 dot ok
