# Without PIPELINING each command waits for the reply to the last; without SIZE no SIZE=.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250 mx.test
C: MAIL FROM:<a@from.test>
S: 250 ok
C: RCPT TO:<b@to.test>
S: 250 ok
C: DATA
S: 354 go on
C: {content}
S: 250 ok
C: QUIT
= done 250 2.0.0 dot ok
