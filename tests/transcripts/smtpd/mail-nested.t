# A second MAIL changes nothing of the first.
at mail
C: MAIL FROM:<other@sandbox.test>
S: 503 5.5.1 Sender already given; RSET to begin anew
C: RCPT TO:<b@to.test>
S: 250 2.1.5 Ok
C: MAIL FROM:<other@sandbox.test>
S: 503 5.5.1 Sender already given; RSET to begin anew
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
= open
