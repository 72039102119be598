# A command longer than 2048 bytes: one refusal, the session goes on.
kind mx
at ehlo
C: NOOP {2041*x}
S: 250 2.0.0 Ok
C: NOOP {2042*x}
S: 500 5.5.2 Line is longer than 2048 bytes
C: {65000*x}
S: 500 5.5.2 Line is longer than 2048 bytes
C: NOOP
S: 250 2.0.0 Ok
= open
