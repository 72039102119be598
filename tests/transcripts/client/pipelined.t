# With PIPELINING the three commands go in one write.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test greets you
S: 250-PIPELINING
S: 250-SIZE 1000000
S: 250 8BITMIME
C: MAIL FROM:<a@from.test> SIZE=1234
C: RCPT TO:<b@to.test>
C: DATA
S: 250 2.1.0 ok
S: 250 2.1.5 ok
S: 354 go on
C: {content}
S: 250 2.0.0 queued as 42
C: QUIT
= done 250 2.0.0 dot 2.0.0 queued as 42
