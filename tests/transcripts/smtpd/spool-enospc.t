# The disk filled up on the way.
only pure
at data
! answer 452 4.3.1 Not enough room for mail now, try again later
C: From: a@sandbox.test
C:
C: hello
C: .
S: 452 4.3.1 Not enough room for mail now, try again later
C: DATA
S: 503 5.5.1 MAIL first
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
= open
