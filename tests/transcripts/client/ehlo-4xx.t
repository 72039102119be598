# EHLO refused for now.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 450 4.3.2 later
C: QUIT
= temporary 450 4.3.2 ehlo 4.3.2 later
