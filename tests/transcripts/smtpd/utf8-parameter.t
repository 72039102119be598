# The parameter has no value.
at auth
C: MAIL FROM:<a@sandbox.test> SMTPUTF8=yes
S: 501 5.5.4 SMTPUTF8 takes no value
C: MAIL FROM:<a@sandbox.test> SMTPUTF8=
S: 501 5.5.4 SMTPUTF8 takes no value
C: MAIL FROM:<a@sandbox.test>
S: 250 2.1.0 Ok
C: RCPT TO:<b@to.test> SMTPUTF8
S: 555 5.5.4 Unknown RCPT parameter
= open
