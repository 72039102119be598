# A whole transaction in one write, without login: its text are unknown commands.
at tls
C: MAIL FROM:<a@sandbox.test>
C: RCPT TO:<b@to.test>
C: DATA
C: From: a@sandbox.test
C:
C: hello
C: .
S: 530 5.7.0 Authentication required
S: 503 5.5.1 MAIL first
S: 503 5.5.1 MAIL first
S*4: 500 5.5.1 Unknown command
= open
