# TLS from the first byte: greeted inside, no STARTTLS offered or taken.
kind submissions
S: 220 mail.sandbox.test ESMTP Posthaste
C: EHLO client.test
S: 250-mail.sandbox.test
S: 250-PIPELINING
S: 250-SIZE 409600
S: 250-8BITMIME
S: 250-SMTPUTF8
S: 250-CHUNKING
S: 250-AUTH PLAIN LOGIN
S: 250 ENHANCEDSTATUSCODES
C: STARTTLS
S: 503 5.5.1 TLS is already there
C: AUTH PLAIN {plain}
S: 235 2.7.0 Granted for *
= open
