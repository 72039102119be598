# Names that are none.
at clear
S: 220 mail.sandbox.test ESMTP Posthaste
C: EHLO
S: 501 5.5.4 EHLO needs the name of your host
C: HELO
S: 501 5.5.4 HELO needs the name of your host
C: EHLO two names
S: 501 5.5.4 EHLO needs the name of your host
C: EHLO {256*x}
S: 501 5.5.4 EHLO needs the name of your host
C: EHLO b\xffd
S: 501 5.5.4 EHLO needs the name of your host
C: HELO \x1b[31m
S: 501 5.5.4 HELO needs the name of your host
C: MAIL FROM:<a@sandbox.test>
S: 503 5.5.1 EHLO first
C: EHLO {255*x}
S: 250-mail.sandbox.test
S: 250-PIPELINING
S: 250-SIZE 409600
S: 250-8BITMIME
S: 250-SMTPUTF8
S: 250-CHUNKING
S: 250-STARTTLS
S: 250 ENHANCEDSTATUSCODES
= open
