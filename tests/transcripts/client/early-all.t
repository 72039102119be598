# All replies at once, before the commands: nothing of it is an answer.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test greets you
S: 250-PIPELINING
S: 250-SIZE 1000000
S: 250 8BITMIME
S: 250 ok
S: 250 ok
S: 354 ok
S: 250 ok
= temporary 250 4.5.0 mail the server replied before it was asked: ok
