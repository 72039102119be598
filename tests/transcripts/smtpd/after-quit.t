# What follows QUIT is not looked at.
at rcpt
C: QUIT
C: DATA
S: 221 2.0.0 Bye
= closed
