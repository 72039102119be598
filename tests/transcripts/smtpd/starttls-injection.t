# Commands behind STARTTLS in one write (CVE-2011-0411): nothing of them runs.
once
at ehlo
C: STARTTLS
C: MAIL FROM:<evil@sandbox.test>
C: RCPT TO:<b@to.test>
S: 554 5.5.1 Data was sent ahead of the TLS handshake
= closed
