# "*" ends the exchange at each step.
at tls
C: AUTH PLAIN
S: 334 *
C: *
S: 501 5.7.0 Authentication cancelled
C: AUTH LOGIN
S: 334 VXNlcm5hbWU6
C: *
S: 501 5.7.0 Authentication cancelled
C: AUTH LOGIN {user}
S: 334 UGFzc3dvcmQ6
C: *
S: 501 5.7.0 Authentication cancelled
C: {secret}
S: 500 5.5.1 Unknown command
C: MAIL FROM:<a@sandbox.test>
S: 530 5.7.0 Authentication required
= open
