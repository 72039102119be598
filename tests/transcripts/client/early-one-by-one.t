# Without PIPELINING a reply too many is noticed.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250 mx.test
C: MAIL FROM:<a@from.test>
S: 250 ok
S: 250 ok
= temporary 250 4.5.0 rcpt the server replied before it was asked: ok
