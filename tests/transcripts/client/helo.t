# A 5xx to EHLO: HELO, and nothing is taken as offered.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 502-5.5.1 PIPELINING
S: 502 5.5.1 what?
C: HELO me.test
S: 250-mx.test
S: 250 STARTTLS
C: MAIL FROM:<a@from.test>
S: 250 ok
C: RCPT TO:<b@to.test>
S: 251 will forward
C: DATA
S: 354 go on
C: {content}
S: 250 ok
C: QUIT
= done 250 2.0.0 dot ok
