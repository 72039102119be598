# A wrong password says as little as a wrong user; then the right one is taken.
at tls
C: AUTH PLAIN AHUAd3Jvbmc=
S: 535 5.7.8 Wrong user name or password
C: AUTH LOGIN
S: 334 VXNlcm5hbWU6
C: bm9ib2R5
S: 334 UGFzc3dvcmQ6
C: d3Jvbmc=
S: 535 5.7.8 Wrong user name or password
C: MAIL FROM:<a@sandbox.test>
S: 530 5.7.0 Authentication required
C: AUTH LOGIN
S: 334 VXNlcm5hbWU6
C:
S: 334 UGFzc3dvcmQ6
C:
S: 535 5.7.8 Wrong user name or password
C: AUTH PLAIN {plain}
S: 235 2.7.0 Granted for *
= open
