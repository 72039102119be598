# While too many logins have failed even the right one is not looked at; that is no failure.
only pure
at tls
! throttled
C: AUTH PLAIN {plain}
S: 454 4.7.0 Too many failed logins, try again later
C: MAIL FROM:<a@sandbox.test>
S: 530 5.7.0 Authentication required
C: AUTH PLAIN {plain}
S: 235 2.7.0 Granted for sandbox/sandbox
= open
