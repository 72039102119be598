# The same by DELETE.
kind mx
at ehlo
C: DELETE / HTTP/1.1
C: NOOP
S: 421 4.7.0 This is SMTP, closing
= closed
