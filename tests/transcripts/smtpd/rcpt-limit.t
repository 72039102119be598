# A hundred and one more: the message goes to the hundred.
at mail
C: {102*RCPT TO:<b@to.test>\r\n}NOOP
S*100: 250 2.1.5 Ok
S*2: 452 4.5.3 Too many recipients; send the others in another message
S: 250 2.0.0 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: From: a@sandbox.test
C:
C: hello
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test>{100* <b@to.test>}
> From: a@sandbox.test
>
> hello
= open
