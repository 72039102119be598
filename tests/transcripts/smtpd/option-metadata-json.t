# Metadata that are no JSON.
at data
! answer 550 5.6.0 X-Posthaste-Metadata: is no valid JSON; write an object like {"order":"17"}
C: From: a@sandbox.test
C: X-Posthaste-Metadata: order=17
C:
C: hello
C: .
S: 550 5.6.0 X-Posthaste-Metadata: is no valid JSON; write an object like {"order":"17"}
= open
