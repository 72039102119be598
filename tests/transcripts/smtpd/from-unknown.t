# The domains cannot be read.
only pure
at data
! answer 451 4.3.0 The sender's domain cannot be checked now, try again later
C: From: a@sandbox.test
C:
C: hello
C: .
S: 451 4.3.0 The sender's domain cannot be checked now, try again later
C: DATA
S: 503 5.5.1 MAIL first
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
= open
