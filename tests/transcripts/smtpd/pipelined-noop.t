# 90 commands in one write: 90 answers, in order.
kind mx
at ehlo
C: {45*NOOP\r\nVRFY x\r\n}QUIT
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 250 2.0.0 Ok
S: 252 2.0.0 Send it and see
S: 221 2.0.0 Bye
= closed
