# Domains that cannot be: symbols, what maps to other signs, labels that get too long, numbers.
at auth
C: MAIL FROM:<a@sandbox.test> SMTPUTF8
S: 250 2.1.0 Ok
C: RCPT TO:<b@\xe2\x98\x83.test>
S: 501 5.1.3 Recipient address: the domain has non-ASCII characters that no domain can have
C: RCPT TO:<b@\xe2\x84\x80.test>
S: 501 5.1.3 Recipient address: the domain has *
C: RCPT TO:<b@{40*\xe4\xbe\x8b\xc3\xbc}.test>
S: 501 5.1.3 Recipient address: the domain has a label of more than 63 characters
C: RCPT TO:<b@{300*\xc3\xbc.}test>
S: 501 5.1.3 Recipient address: the domain has more than 253 characters
C: RCPT TO:<b@\xef\xbc\x91.\xef\xbc\x92>
S: 501 5.1.3 Recipient address: the domain ends with a number
C: RCPT TO:<b@[\xef\xbc\x91.2.3.4]>
S: 501 5.1.3 Recipient address: the part in square brackets is not a usable IP address
C: RCPT TO:<{33*\xc3\xb6}@to.test>
S: 501 5.1.3 Recipient address: the part before the @ has more than 64 characters
C: RCPT TO:<{32*\xc3\xb6}@to.test>
S: 250 2.1.5 Ok
= open
