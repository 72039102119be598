# A sender in UTF-8 needs it, whatever the task says.
task sender=jörg@from.test rcpt=b@to.test size=1234
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test
S: 250-8BITMIME
S: 250 SMTPUTF8
C: MAIL FROM:<jörg@from.test> SMTPUTF8
S: 250 ok
C: RCPT TO:<b@to.test>
S: 250 ok
C: DATA
S: 354 ok
C: {content}
S: 250 ok
C: QUIT
= done 250 2.0.0 dot ok
