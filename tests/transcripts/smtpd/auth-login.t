# User and password, in words of base64.
at tls
C: auth login
S: 334 VXNlcm5hbWU6
C: {user}
S: 334 UGFzc3dvcmQ6
C: {secret}
S: 235 2.7.0 Granted for sandbox/sandbox
= open
