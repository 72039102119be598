# Those that change nothing.
at ehlo
C: NOOP
S: 250 2.0.0 Ok
C: NOOP with an argument
S: 250 2.0.0 Ok
C: noop
S: 250 2.0.0 Ok
C: RSET
S: 250 2.0.0 Ok
C: RSET now
S: 501 5.5.4 RSET takes no argument
C: VRFY postmaster
S: 252 2.0.0 Send it and see
C: VRFY
S: 501 5.5.4 VRFY needs an address
C: VRFY nobody
S: 252 2.0.0 Send it and see
C: EXPN staff
S: 502 5.5.1 EXPN is not offered
C: HELP
S: 214 2.0.0 See RFC 5321
C: XCLIENT ADDR=127.0.0.1
S: 500 5.5.1 Unknown command
C:
S: 500 5.5.1 Unknown command
C: .
S: 500 5.5.1 Unknown command
C: QUIT now
S: 501 5.5.4 QUIT takes no argument
C: QUIT
S: 221 2.0.0 Bye
= closed
