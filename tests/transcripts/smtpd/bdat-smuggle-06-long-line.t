# The same for one that is too long.
at rcpt
C: BDAT 31 {3000* }LAST
C: MAIL FROM:<evil@sandbox.test>
S: 421 4.7.0 Line is far too long, closing
= closed
