# A control character in metadata.
at data
! answer 550 5.6.0 X-Posthaste-Metadata: has a control character; write \u and four digits
C: From: a@sandbox.test
C: X-Posthaste-Metadata: \x7b"a":"\x01"\x7d
C:
C: hello
C: .
S: 550 5.6.0 X-Posthaste-Metadata: has a control character; write \u and four digits
= open
