# The response on a line of its own.
at tls
C: AUTH PLAIN
S: 334 *
C: {plain}
S: 235 2.7.0 Granted for sandbox/sandbox
C: AUTH PLAIN {plain}
S: 503 5.5.1 Already authenticated
= open
