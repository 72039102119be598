# A host's name is ASCII.
at tls
C: EHLO m\xc3\xbcnchen.example
S: 501 5.5.4 EHLO needs the name of your host
= open
