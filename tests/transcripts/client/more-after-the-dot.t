# A reply to the dot and more: the message is delivered, the session of no use.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test
S: 250 PIPELINING
C: MAIL FROM:<a@from.test>
C: RCPT TO:<b@to.test>
C: DATA
S: 250 ok
S: 250 ok
S: 354 ok
C: {content}
S- 250 ok\r\n4
= done 250 2.0.0 dot ok
