# Known and unknown ones.
at auth
C: MAIL FROM:<a@sandbox.test>SIZE=5
S: 501 5.5.4 A blank must follow the address
C: MAIL FROM:<a@sandbox.test> BODY=BINARYMIME
S: 501 5.5.4 BODY must be 7BIT or 8BITMIME
C: MAIL FROM:<a@sandbox.test> BODY
S: 501 5.5.4 BODY must be 7BIT or 8BITMIME
C: MAIL FROM:<a@sandbox.test> REQUIRETLS
S: 555 5.5.4 Unknown MAIL parameter
C: MAIL FROM:<a@sandbox.test> AUTH
S: 501 5.5.4 AUTH needs a value in xtext
C: MAIL FROM:<a@sandbox.test> AUTH=
S: 501 5.5.4 AUTH needs a value in xtext
C: MAIL FROM:<a@sandbox.test> AUTH=b=to.test
S: 501 5.5.4 AUTH needs a value in xtext
C: MAIL FROM:<a@sandbox.test> AUTH=b+3dto.test
S: 501 5.5.4 AUTH needs a value in xtext
C: MAIL FROM:<a@sandbox.test> AUTH=b+3
S: 501 5.5.4 AUTH needs a value in xtext
C: MAIL FROM:<a@sandbox.test> AUTH=b\xc3\xa9
S: 501 5.5.4 AUTH needs a value in xtext
C: MAIL FROM:<a@sandbox.test> SIZE=5 BODY=7BIT SIZE=5
S: 501 5.5.4 A MAIL parameter is given twice
C: MAIL FROM:<a@sandbox.test> BODY=7BIT body=8BITMIME
S: 501 5.5.4 A MAIL parameter is given twice
C: MAIL FROM:<a@sandbox.test> SMTPUTF8 SMTPUTF8
S: 501 5.5.4 A MAIL parameter is given twice
C: MAIL FROM:<a@sandbox.test> AUTH=<> AUTH=<>
S: 501 5.5.4 A MAIL parameter is given twice
C: MAIL FROM:<a@sandbox.test> BODY=8BITMIME XYZ=1
S: 555 5.5.4 Unknown MAIL parameter
C: RCPT TO:<b@to.test>
S: 503 5.5.1 MAIL first
C: MAIL FROM:<a@sandbox.test>  body=8bitmime SIZE=100 AUTH=b+3Dc@to.test
S: 250 2.1.0 Ok
= open
