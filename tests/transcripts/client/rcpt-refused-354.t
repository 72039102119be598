# RCPT refused and DATA accepted: a lone dot, no content (RFC 2920 3.1).
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test greets you
S: 250-PIPELINING
S: 250-SIZE 1000000
S: 250 8BITMIME
C: MAIL FROM:<a@from.test> SIZE=1234
C: RCPT TO:<b@to.test>
C: DATA
S: 250 ok
S: 450 4.2.1 mailbox busy
S: 354 go on
C: .
S: 554 5.5.1 no valid recipients
C: QUIT
= temporary 450 4.2.1 rcpt 4.2.1 mailbox busy
