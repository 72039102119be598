# The same, and a server without SMTPUTF8.
task sender=a@from.test rcpt=b@to.test size=1234 8bit utf8
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test
S: 250 8BITMIME
C: QUIT
= permanent 0 5.6.7 ehlo the receiving server does not take internationalised mail (SMTPUTF8)
