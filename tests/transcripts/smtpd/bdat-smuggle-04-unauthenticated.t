# Who may not submit has his chunks thrown away, too.
at tls
C: MAIL FROM:<a@sandbox.test>
C: RCPT TO:<b@to.test>
C: BDAT 31 LAST
C- MAIL FROM:<evil@sandbox.test>\r\n
C: NOOP
S: 530 5.7.0 Authentication required
S: 503 5.5.1 MAIL first
S: 503 5.5.1 MAIL first
S: 250 2.0.0 Ok
= open
