# A reply while the content is being sent: the dot is never sent.
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
S: 552 5.3.4 too much
= temporary 552 4.5.0 data the server replied before it was asked: 5.3.4 too much
