# Too busy.
S: 421 too busy
C: QUIT
= temporary 421 4.0.0 banner too busy
