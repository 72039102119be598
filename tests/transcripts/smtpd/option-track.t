# Tracking of what does not exist.
at data
! answer 550 5.6.0 X-Posthaste-Track: is not known; write opens, clicks, both with a comma between, or no
C: From: a@sandbox.test
C: X-Posthaste-Track: maybe
C:
C: hello
C: .
S: 550 5.6.0 X-Posthaste-Track: is not known; write opens, clicks, both with a comma between, or no
= open
