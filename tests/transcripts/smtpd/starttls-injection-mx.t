# The same at the MX door, in the middle of a transaction.
kind mx
once
at mail
C: RSET
C: STARTTLS
C: NOOP
S: 250 2.0.0 Ok
S: 554 5.5.1 Data was sent ahead of the TLS handshake
= closed
