# Metadata of more than 4096 bytes.
at data
! answer 550 5.6.0 X-Posthaste-Metadata: is longer than 4096 bytes; keep the rest on your side, under a key that is sent here
C: From: a@sandbox.test
C: X-Posthaste-Metadata: \x7b"a":"{4096*x}"\x7d
C:
C: hello
C: .
S: 550 5.6.0 X-Posthaste-Metadata: is longer than 4096 bytes; keep the rest on your side, under a key that is sent here
= open
