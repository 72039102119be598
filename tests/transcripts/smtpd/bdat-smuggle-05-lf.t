# A BDAT whose line is not one leaves octets that nobody can count: the session ends.
at rcpt
C- BDAT 31 LAST\n
C: RSET
C: MAIL FROM:<evil@sandbox.test>
S: 500 5.5.2 Command has a CR, LF or NUL in it; lines end in CRLF
= closed
