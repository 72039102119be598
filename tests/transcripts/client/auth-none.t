# A relay without AUTH.
session user=me password=secret
S: 220 relay.test ESMTP
C: EHLO me.test
S: 250-relay.test
S: 250 STARTTLS
C: STARTTLS
S: 220 go
C: {tls}
C: EHLO me.test
S: 250 relay.test
C: QUIT
= temporary 0 4.7.0 ehlo the relay offers neither AUTH PLAIN nor AUTH LOGIN
