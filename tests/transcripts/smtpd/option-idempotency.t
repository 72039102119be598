# An empty idempotency key.
at data
! answer 550 5.6.0 X-Posthaste-Idempotency-Key: is no key; write 1 to 255 printable ASCII characters
C: From: a@sandbox.test
C: X-Posthaste-Idempotency-Key:
C:
C: hello
C: .
S: 550 5.6.0 X-Posthaste-Idempotency-Key: is no key; write 1 to 255 printable ASCII characters
= open
