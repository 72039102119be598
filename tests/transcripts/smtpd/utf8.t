# UTF-8 in local parts, quoted and not; domains become A-labels.
at auth
C: MAIL FROM:<j\xc3\xb6rg@M\xc3\x9cNCHEN.example> SMTPUTF8 BODY=8BITMIME
S: 250 2.1.0 Ok
C: RCPT TO:<\xe7\x94\xa8\xe6\x88\xb7@\xe4\xbe\x8b\xe5\xad\x90\xe3\x80\x82test>
S: 250 2.1.5 Ok
C: RCPT TO:<"\xc3\xb6 \xf0\x9f\x98\x80"@to.test>
S: 250 2.1.5 Ok
C: RCPT TO:<b@xn--mnchen-3ya.example>
S: 250 2.1.5 Ok
C: RCPT TO:<@\xc3\xb6.test:b@stra\xc3\x9fe.test>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: From: a@sandbox.test
C:
C: hello
C: .
S: 250 2.0.0 Ok: queued as *
M: <j\xc3\xb6rg@xn--mnchen-3ya.example> <\xe7\x94\xa8\xe6\x88\xb7@xn--fsqu00a.test> <"\xc3\xb6 \xf0\x9f\x98\x80"@to.test> <b@xn--mnchen-3ya.example> <b@xn--strae-oqa.test>
> From: a@sandbox.test
>
> hello
= open
