# The MX door with AUTH: after STARTTLS, and then it is a submission.
kind mx
conf mx_auth
at ehlo
C: AUTH PLAIN {plain}
S: 538 5.7.11 Encryption required: STARTTLS first
C: STARTTLS
S: 220 2.0.0 Ready to start TLS
! tls
C: EHLO client.test
S: 250-mail.sandbox.test
S: 250-PIPELINING
S: 250-SIZE 409600
S: 250-8BITMIME
S: 250-SMTPUTF8
S: 250-CHUNKING
S: 250-AUTH PLAIN LOGIN
S: 250 ENHANCEDSTATUSCODES
C: AUTH PLAIN {plain}
S: 235 2.7.0 Granted for sandbox/sandbox
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
C: RCPT TO:<b@to.test>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: From: a@sandbox.test
C:
C: one\ntwo
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
> one
> two
= open
