# One session more than a worker takes.
only daemon
kind mx
at ehlo
! crowd
S: 421 4.3.2 Too many sessions, try again later
= open
