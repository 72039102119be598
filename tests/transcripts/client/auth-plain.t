# A relay that wants a password, by TLS.
session user=me password=secret
S: 220 relay.test ESMTP
C: EHLO me.test
S: 250-relay.test
S: 250 STARTTLS
C: STARTTLS
S: 220 go
C: {tls}
C: EHLO me.test
S: 250-relay.test
S: 250 AUTH LOGIN PLAIN
C: AUTH PLAIN AG1lAHNlY3JldA==
S: 235 2.7.0 ok
C: MAIL FROM:<a@from.test>
S: 550 no
C: QUIT
= permanent 550 5.0.0 mail no
