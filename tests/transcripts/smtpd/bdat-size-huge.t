# A number that is larger than any.
at rcpt
C: BDAT 18446744073709551616 LAST
C: NOOP
S: 501 5.5.4 BDAT needs a number of bytes; closing, as the next command cannot be found
= closed
