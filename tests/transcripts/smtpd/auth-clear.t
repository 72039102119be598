# Where AUTH in clear is allowed it is offered, and MAIL needs it.
conf auth_clear
at clear
S: 220 mail.sandbox.test ESMTP Posthaste
C: EHLO client.test
S: 250-mail.sandbox.test
S: 250-PIPELINING
S: 250-SIZE 409600
S: 250-8BITMIME
S: 250-SMTPUTF8
S: 250-CHUNKING
S: 250-STARTTLS
S: 250-AUTH PLAIN LOGIN
S: 250 ENHANCEDSTATUSCODES
C: MAIL FROM:<a@sandbox.test>
S: 530 5.7.0 Authentication required
C: AUTH PLAIN {plain}
S: 235 2.7.0 Granted for sandbox/sandbox
C: AUTH PLAIN {plain}
S: 503 5.5.1 Already authenticated
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
C: RCPT TO:<b@to.test>
S: 250 2.1.5 Ok
= open
