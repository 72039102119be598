# Chunks sent ahead of a refused recipient are thrown away, whatever they look like.
at auth
C: MAIL FROM:<a@sandbox.test>
C: RCPT TO:<b>
C: BDAT 78
C- MAIL FROM:<evil@sandbox.test>\r\nRCPT TO:<evil@to.test>\r\nDATA\r\nFrom: x\r\n\r\nx\r\n.\r\nBDAT 7 LAST
C- \r\nhello\r\nNOOP\r\n
S: 250 2.1.0 Ok
S: 501 5.1.3 Recipient address: the address has no @
S: 554 5.5.1 No valid recipients
S: 503 5.5.1 A chunk was refused; RSET to begin anew
S: 250 2.0.0 Ok
= open
