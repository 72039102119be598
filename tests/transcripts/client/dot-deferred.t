# Deferred after the content: certain, not uncertain.
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
S: 250 ok
S: 354 ok
C: {content}
S: 452 4.3.1 disk full
C: QUIT
= temporary 452 4.3.1 dot 4.3.1 disk full
