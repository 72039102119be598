# 421 to STARTTLS.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test
S: 250 STARTTLS
C: STARTTLS
S: 421 4.3.2 closing
C: QUIT
= temporary 421 4.3.2 tls 4.3.2 closing
