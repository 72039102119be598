# No greeting.
! timeout
= temporary 0 4.4.2 banner timed out while waiting for the greeting
