# HELO: one line, no extensions; a second one begins anew.
S: 220 mail.sandbox.test ESMTP Posthaste
C: HELO client.test
S: 250 mail.sandbox.test
C: HELO client.test
S: 250 mail.sandbox.test
= open
