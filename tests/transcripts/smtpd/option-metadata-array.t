# Metadata that are no object.
at data
! answer 550 5.6.0 X-Posthaste-Metadata: is no JSON object; write one like {"order":"17"}
C: From: a@sandbox.test
C: X-Posthaste-Metadata: [1]
C:
C: hello
C: .
S: 550 5.6.0 X-Posthaste-Metadata: is no JSON object; write one like {"order":"17"}
= open
