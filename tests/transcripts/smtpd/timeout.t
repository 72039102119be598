# Nothing comes for too long.
kind mx
at ehlo
C- NOO
! timeout
S: 421 4.4.2 Nothing came for too long, closing
= closed
