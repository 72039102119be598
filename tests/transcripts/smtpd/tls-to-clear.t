# A TLS hello to a door that begins in the clear.
at clear
S: 220 mail.sandbox.test ESMTP Posthaste
C- \x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03{40*\x20}
S: 421 4.7.0 This port does not begin with TLS; use STARTTLS
= closed
