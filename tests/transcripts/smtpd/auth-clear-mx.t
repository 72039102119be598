# AUTH in clear is never for the MX door.
kind mx
conf auth_clear
at ehlo
C: AUTH PLAIN {plain}
S: 502 5.5.1 No AUTH on this port; submit on the submission port
= open
