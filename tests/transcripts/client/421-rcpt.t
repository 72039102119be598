# 421 in the middle: the server closes, nothing more is waited for.
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
S: 421 4.3.2 shutting down
C: QUIT
= temporary 421 4.3.2 rcpt 4.3.2 shutting down
