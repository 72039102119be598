# The user with the command.
at tls
C: AUTH LOGIN {user}
S: 334 UGFzc3dvcmQ6
C: {secret}
S: 235 2.7.0 Granted for sandbox/sandbox
= open
