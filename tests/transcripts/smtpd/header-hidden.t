# A Bcc behind a line that can be no field: it would stay, and some readers would show it.
at data
! answer 550 5.6.0 Line 3 of the header is no field, and bcc stands behind it
C: From: a@sandbox.test
C: To: b@to.test
C: no field at all
C: bcc: c@to.test
C:
C: hello
C: .
S: 550 5.6.0 Line 3 of the header is no field, and bcc stands behind it
= open
