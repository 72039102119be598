# CR CRLF . CRLF has the true end in it; the stray CR refuses the message.
at data
C: From: a@sandbox.test
C:
C- x\r\r\n.\r\nNOOP\r\n
S: 550 5.5.2 Message has a CR without LF; lines end in CRLF
S: 250 2.0.0 Ok
= open
