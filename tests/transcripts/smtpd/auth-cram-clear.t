# Not without TLS, either.
only pure
conf cram
at ehlo
C: AUTH CRAM-MD5
S: 538 5.7.11 Encryption required: STARTTLS first
= open
