# Five are enough.
at tls
C: {5*AUTH PLAIN AHUAd3Jvbmc=\r\n}AUTH PLAIN {plain}
S*4: 535 5.7.8 Wrong user name or password
S: 421 4.7.0 Too many failed logins, closing
= closed
