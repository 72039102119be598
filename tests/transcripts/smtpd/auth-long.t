# A response that is far too long ends the exchange, and is not read on as commands.
at tls
C: AUTH PLAIN
S: 334 *
C: {3000*A}
S: 500 5.5.2 Line is longer than 2048 bytes
C: {plain}
S: 500 5.5.1 Unknown command
C: AUTH PLAIN
S: 334 *
C: {100000*A}
S: 421 4.7.0 Line is far too long, closing
= closed
