# A tag that is no UTF-8.
at data
! answer 550 5.6.0 X-Posthaste-Tag: is empty or no text; write 1 to 255 bytes of UTF-8 without control characters
C: From: a@sandbox.test
C: X-Posthaste-Tag: \xff
C:
C: hello
C: .
S: 550 5.6.0 X-Posthaste-Tag: is empty or no text; write 1 to 255 bytes of UTF-8 without control characters
= open
