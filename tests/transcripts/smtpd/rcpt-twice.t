# The same recipient again is no second copy; another case of its local part is another one.
at mail
C: RCPT TO:<b@to.test>
C: RCPT TO:<b@TO.test>
C: RCPT TO:<B@to.test>
C: RCPT TO:<@relay.test:b@to.test>
C: RCPT TO:<B@to.test>
S*5: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: From: a@sandbox.test
C:
C: hello
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test> <B@to.test>
> From: a@sandbox.test
>
> hello
= open
