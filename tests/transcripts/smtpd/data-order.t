# DATA without recipients, with an argument; the transaction stays.
at mail
C: DATA
S: 503 5.5.1 RCPT first
C: RCPT TO:<b@to.test>
S: 250 2.1.5 Ok
C: DATA now
S: 501 5.5.4 DATA takes no argument
C: AUTH PLAIN {plain}
S: 503 5.5.1 Already authenticated
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: From: a@sandbox.test
C:
C: hello
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
> hello
C: DATA
S: 503 5.5.1 MAIL first
= open
