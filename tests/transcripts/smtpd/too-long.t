# A session that has had its time ends between two commands.
only pure
at mail
! end 421 4.4.2 The session lasts too long, closing
S: 421 4.4.2 The session lasts too long, closing
= closed
