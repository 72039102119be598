# An expiry that is no time.
at data
! answer 550 5.6.0 X-Posthaste-Expires: is no time; write it like 90s, 10m, 36h or 2d, or a date with its zone
C: From: a@sandbox.test
C: X-Posthaste-Expires: tomorrow
C:
C: hello
C: .
S: 550 5.6.0 X-Posthaste-Expires: is no time; write it like 90s, 10m, 36h or 2d, or a date with its zone
= open
