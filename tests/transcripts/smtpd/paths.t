# Quoted local parts, literals, source routes (dropped), percent and bang (nothing to us).
at auth
C: MAIL FROM:<"a b"@sandbox.test>
C: RCPT TO:<@one.test,@two.test:b@TO.test>
C: RCPT TO:<"quo\\"ted> <c@to.test>"@to.test>
C: RCPT TO:<d%to.test@to.test>
C: RCPT TO:<to.test!e@to.test>
C: RCPT TO:<f@[127.0.0.1]>
C: RCPT TO:<g@[IPv6:::1]>
C: RCPT TO:<G+tag@to.test>
C: DATA
S: 250 2.1.0 Ok
S*7: 250 2.1.5 Ok
S: 354 End data with <CR><LF>.<CR><LF>
C: From: a@sandbox.test
C:
C: hello
C: .
S: 250 2.0.0 Ok: queued as *
M: <"a b"@sandbox.test> <b@to.test> <"quo\\"ted> <c@to.test>"@to.test> <d%to.test@to.test> <to.test!e@to.test> <f@[127.0.0.1]> <g@[ipv6:::1]> <G+tag@to.test>
> From: a@sandbox.test
>
> hello
= open
