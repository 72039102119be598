# A number of bytes that cannot be read: nobody knows where the next command begins.
at rcpt
C: BDAT x LAST
C: NOOP
S: 501 5.5.4 BDAT needs a number of bytes; closing, as the next command cannot be found
= closed
