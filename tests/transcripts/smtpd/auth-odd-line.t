# A bare LF in a response ends the exchange: the next line is a command.
at tls
C: AUTH LOGIN
S: 334 VXNlcm5hbWU6
C: {user}\n{secret}
S: 500 5.5.2 Command has a CR, LF or NUL in it; lines end in CRLF
C: NOOP
S: 250 2.0.0 Ok
= open
