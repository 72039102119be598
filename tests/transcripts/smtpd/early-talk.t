# Talk before the greeting is answered in order.
kind mx
C: EHLO client.test
C: NOOP
S: 220 mail.sandbox.test ESMTP Posthaste
S: 250-mail.sandbox.test
S: 250-PIPELINING
S: 250-SIZE 409600
S: 250-8BITMIME
S: 250-SMTPUTF8
S: 250-CHUNKING
S: 250-STARTTLS
S: 250 ENHANCEDSTATUSCODES
S: 250 2.0.0 Ok
= open
