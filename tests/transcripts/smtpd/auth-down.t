# No answer from the credentials is no "wrong".
only pure
at tls
! auth-down
C: AUTH PLAIN {plain}
S: 454 4.7.0 Logins cannot be checked now, try again later
C: AUTH PLAIN {plain}
S: 235 2.7.0 Granted for sandbox/sandbox
= open
