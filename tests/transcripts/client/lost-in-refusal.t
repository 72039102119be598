# Refused, then lost before the other replies: the refusal counts.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test greets you
S: 250-PIPELINING
S: 250-SIZE 1000000
S: 250 8BITMIME
C: MAIL FROM:<a@from.test> SIZE=1234
C: RCPT TO:<b@to.test>
C: DATA
S: 550 5.1.8 bad sender
! lost
= permanent 550 5.1.8 mail 5.1.8 bad sender
