# A browser: not one of its lines is taken for a command.
kind mx
S: 220 mail.sandbox.test ESMTP Posthaste
C: POST / HTTP/1.1
C: Host: mail.sandbox.test:25
C:
C: EHLO evil.test
C: MAIL FROM:<a@evil.test>
S: 421 4.7.0 This is SMTP, closing
= closed
