# An expiry more than a year away.
at data
! answer 550 5.6.0 X-Posthaste-Expires: is too far away; at most 365d from now are possible
C: From: a@sandbox.test
C: X-Posthaste-Expires: 366d
C:
C: hello
C: .
S: 550 5.6.0 X-Posthaste-Expires: is too far away; at most 365d from now are possible
= open
