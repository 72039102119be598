# No user at all: the secret alone names the credential.
at tls
C: AUTH LOGIN =
S: 334 UGFzc3dvcmQ6
C: {secret}
S: 235 2.7.0 Granted for sandbox/sandbox
= open
