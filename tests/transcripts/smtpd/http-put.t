# The same by PUT.
kind mx
at ehlo
C: PUT / HTTP/1.1
C: NOOP
S: 421 4.7.0 This is SMTP, closing
= closed
