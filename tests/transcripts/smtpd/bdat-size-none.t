# No number at all.
at rcpt
C: BDAT
C: NOOP
S: 501 5.5.4 BDAT needs a number of bytes; closing, as the next command cannot be found
= closed
