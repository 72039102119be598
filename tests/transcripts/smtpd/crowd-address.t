# One session more than an address may have hears this in the place of the greeting.
only pure
kind mx
at ehlo
! end 421 4.7.0 Too many sessions from your address, try again later
S: 421 4.7.0 Too many sessions from your address, try again later
= closed
