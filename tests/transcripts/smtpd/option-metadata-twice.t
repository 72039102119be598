# Metadata with the same key twice.
at data
! answer 550 5.6.0 X-Posthaste-Metadata: has a key twice; write each once
C: From: a@sandbox.test
C: X-Posthaste-Metadata: \x7b"a":1,"a":2\x7d
C:
C: hello
C: .
S: 550 5.6.0 X-Posthaste-Metadata: has a key twice; write each once
= open
