# AUTH LOGIN where there is no PLAIN, in clear where that is configured; refused.
session user=me password=secret tls=none
S: 220 relay.test ESMTP
C: EHLO me.test
S: 250-relay.test
S: 250 AUTH LOGIN CRAM-MD5
C: AUTH LOGIN
S: 334 VXNlcm5hbWU6
C: bWU=
S: 334 UGFzc3dvcmQ6
C: c2VjcmV0
S: 535 5.7.8 wrong
C: QUIT
= temporary 535 4.7.8 auth the relay refuses user and password
