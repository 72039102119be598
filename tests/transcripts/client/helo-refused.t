# HELO refused as well is temporary: another host may take it.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 500 what?
C: HELO me.test
S: 550 5.7.1 go away
C: QUIT
= temporary 550 4.7.1 ehlo 5.7.1 go away
