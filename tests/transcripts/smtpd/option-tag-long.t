# A tag of 256 bytes.
at data
! answer 550 5.6.0 X-Postal-Tag: is longer than 255 bytes; a tag has 1 to 255
C: From: a@sandbox.test
C: X-Postal-Tag: {256*x}
C:
C: hello
C: .
S: 550 5.6.0 X-Postal-Tag: is longer than 255 bytes; a tag has 1 to 255
= open
