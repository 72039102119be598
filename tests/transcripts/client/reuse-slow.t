# The same without PIPELINING: RSET has its reply before MAIL.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250 mx.test
C: MAIL FROM:<a@from.test>
S: 250 ok
C: RCPT TO:<b@to.test>
S: 450 4.2.1 later
= temporary 450 4.2.1 rcpt 4.2.1 later
next sender=a@from.test rcpt=b@to.test
C: RSET
S: 250 ok
C: MAIL FROM:<a@from.test>
S: 250 ok
C: RCPT TO:<b@to.test>
S: 250 ok
C: DATA
S: 354 ok
C: {content}
S: 250 ok
C: QUIT
= done 250 2.0.0 dot ok
