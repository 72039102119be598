# Overlong forms, surrogates, cut characters, C1 controls, line separators: no text.
at auth
C: MAIL FROM:<j\xf6rg@sandbox.test> SMTPUTF8
S: 501 5.1.7 Sender address: the address has non-ASCII characters that are no text in UTF-8
C: MAIL FROM:<a\xc0\xaf@sandbox.test> SMTPUTF8
S: 501 5.1.7 Sender address: the address has non-ASCII characters that are no text in UTF-8
C: MAIL FROM:<a@\xc3.example> SMTPUTF8
S: 501 5.1.7 Sender address: the address has non-ASCII characters that are no text in UTF-8
C: MAIL FROM:<a@sandbox.test> SMTPUTF8
S: 250 2.1.0 Ok
C: RCPT TO:<\xed\xa0\x80@to.test>
S: 501 5.1.3 Recipient address: the address has non-ASCII characters that are no text in UTF-8
C: RCPT TO:<b\xe2\x82@to.test>
S: 501 5.1.3 Recipient address: the address has non-ASCII characters that are no text in UTF-8
C: RCPT TO:<b\xc2\x85@to.test>
S: 501 5.1.3 Recipient address: the address has non-ASCII characters that are no text in UTF-8
C: RCPT TO:<b\xe2\x80\xa8@to.test>
S: 501 5.1.3 Recipient address: the address has non-ASCII characters that are no text in UTF-8
C: RCPT TO:<"b\x80"@to.test>
S: 501 5.1.3 Recipient address: the address has non-ASCII characters that are no text in UTF-8
= open
