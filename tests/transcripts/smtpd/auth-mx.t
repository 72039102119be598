# The MX door has none.
kind mx
at tls
C: AUTH PLAIN {plain}
S: 502 5.5.1 No AUTH on this port; submit on the submission port
= open
