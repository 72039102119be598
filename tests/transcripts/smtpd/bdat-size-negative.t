# A number below zero.
at rcpt
C: BDAT -1
C: NOOP
S: 501 5.5.4 BDAT needs a number of bytes; closing, as the next command cannot be found
= closed
