# An option that does not exist is refused: mistyped it would silently not work.
at data
! answer 550 5.6.0 X-Posthaste-Tags: there is no such option; did you mean X-Posthaste-Tag?
C: From: a@sandbox.test
C: X-Posthaste-Tags: welcome
C:
C: hello
C: .
S: 550 5.6.0 X-Posthaste-Tags: there is no such option; did you mean X-Posthaste-Tag?
C: MAIL FROM:<a@sandbox.test>
C: RCPT TO:<b@to.test>
C: DATA
S: 250 2.1.0 Ok
S: 250 2.1.5 Ok
S: 354 End data with <CR><LF>.<CR><LF>
! answer 550 5.6.0 x-posthaste-Colour: there is no such option; there are Tag, Stream, Metadata, Idempotency-Key, Track and Expires
C: From: a@sandbox.test
C: x-posthaste-Colour: red
C:
C: .
S: 550 5.6.0 x-posthaste-Colour: there is no such option; there are Tag, Stream, Metadata, Idempotency-Key, Track and Expires
= open
