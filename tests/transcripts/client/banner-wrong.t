# A greeting that is none.
S: 250 hi
= temporary 250 4.5.0 banner the server's reply does not fit the command: hi
