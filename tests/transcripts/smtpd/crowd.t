# One session more than there are places.
only daemon
kind mx
at ehlo
! crowd
S: 421 4.3.2 Too many sessions, try again later
= open
