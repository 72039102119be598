# An 8-bit message and a server without 8BITMIME.
task sender=a@from.test rcpt=b@to.test size=1234 8bit
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test
S: 250 PIPELINING
C: QUIT
= permanent 0 5.6.3 ehlo the receiving server does not take 8-bit mail
