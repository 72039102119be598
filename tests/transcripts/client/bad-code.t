# A code that is none.
S: 99 hi
= temporary 0 4.5.0 banner the server's reply is malformed: *
