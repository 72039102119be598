# An expiry in the past.
at data
! answer 550 5.6.0 X-Posthaste-Expires: is over already; at least 1s from now is needed
C: From: a@sandbox.test
C: X-Posthaste-Expires: Mon, 23 Nov 2020 10:00:00 +0000
C:
C: hello
C: .
S: 550 5.6.0 X-Posthaste-Expires: is over already; at least 1s from now is needed
= open
