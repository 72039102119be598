# A stream with a blank in its name.
at data
! answer 550 5.6.0 X-Posthaste-Stream: is no name of a stream; write 1 to 64 of a-z, 0-9, dot, underscore and hyphen
C: From: a@sandbox.test
C: X-Posthaste-Stream: news letter
C:
C: hello
C: .
S: 550 5.6.0 X-Posthaste-Stream: is no name of a stream; write 1 to 64 of a-z, 0-9, dot, underscore and hyphen
= open
