# Refused chunks are errors like others.
at auth
C- {25*BDAT 6\r\nQUIT\r\n}
S*20: 503 5.5.1 MAIL first
S: 421 4.7.0 Too many errors, closing
= closed
