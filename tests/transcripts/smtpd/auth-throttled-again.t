# Who does not take the hint is told to go; what he pipelined is not looked at.
only pure
at tls
! throttled
C: AUTH PLAIN {plain}
S: 454 4.7.0 Too many failed logins, try again later
! throttled
C: AUTH PLAIN {plain}
S: 454 4.7.0 Too many failed logins, try again later
! throttled
C: AUTH PLAIN {plain}
S: 454 4.7.0 Too many failed logins, try again later
! throttled
C: AUTH PLAIN {plain}
S: 454 4.7.0 Too many failed logins, try again later
! throttled
C: AUTH PLAIN {plain}
C: AUTH PLAIN {plain}
S: 421 4.7.0 Too many failed logins, closing
= closed
