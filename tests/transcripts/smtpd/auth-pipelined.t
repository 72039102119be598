# What is pipelined behind an AUTH waits for its answer.
at tls
C: AUTH PLAIN AHUAd3Jvbmc=
C: NOOP
C: AUTH PLAIN {plain}
C: MAIL FROM:<a@sandbox.test>
S: 535 5.7.8 Wrong user name or password
S: 250 2.0.0 Ok
S: 235 2.7.0 Granted for *
S: 250 2.1.0 Ok
= open
