# A recipient in UTF-8, and a server that only knows HELO.
task sender=a@from.test rcpt=jörg@to.test size=1234
S: 220 mx.test
C: EHLO me.test
S: 502 what?
C: HELO me.test
S: 250 mx.test
C: QUIT
= permanent 0 5.6.7 ehlo the receiving server does not take internationalised mail (SMTPUTF8)
