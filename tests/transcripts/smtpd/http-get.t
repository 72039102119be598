# The same by GET.
kind mx
at ehlo
C: GET / HTTP/1.1
C: NOOP
S: 421 4.7.0 This is SMTP, closing
= closed
