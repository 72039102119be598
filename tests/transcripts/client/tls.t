# STARTTLS, then EHLO anew: what was offered in clear no longer counts.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test
S: 250-PIPELINING
S: 250 starttls
C: STARTTLS
S: 220 2.0.0 ready
C: {tls}
C: EHLO me.test
S: 250-mx.test
S: 250 STARTTLS
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
