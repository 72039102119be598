# The same in a login.
at tls
C: AUTH LOGIN {user}
S: 334 UGFzc3dvcmQ6
! lost
= closed
