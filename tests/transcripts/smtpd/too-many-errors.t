# Twenty refused commands are enough, of whatever kind.
kind mx
at ehlo
C: {10*NONSENSE\r\nDATA\r\n}NOOP
S: 500 5.5.1 Unknown command
S: 503 5.5.1 MAIL first
S: 500 5.5.1 Unknown command
S: 503 5.5.1 MAIL first
S: 500 5.5.1 Unknown command
S: 503 5.5.1 MAIL first
S: 500 5.5.1 Unknown command
S: 503 5.5.1 MAIL first
S: 500 5.5.1 Unknown command
S: 503 5.5.1 MAIL first
S: 500 5.5.1 Unknown command
S: 503 5.5.1 MAIL first
S: 500 5.5.1 Unknown command
S: 503 5.5.1 MAIL first
S: 500 5.5.1 Unknown command
S: 503 5.5.1 MAIL first
S: 500 5.5.1 Unknown command
S: 503 5.5.1 MAIL first
S: 500 5.5.1 Unknown command
S: 503 5.5.1 MAIL first
S: 421 4.7.0 Too many errors, closing
= closed
