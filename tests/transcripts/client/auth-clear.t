# No TLS: the password is not sent.
session user=me password=secret
S: 220 relay.test ESMTP
C: EHLO me.test
S: 250-relay.test
S: 250 AUTH PLAIN
C: QUIT
= temporary 0 4.7.4 ehlo the relay wants a password and offers no TLS to send it by
