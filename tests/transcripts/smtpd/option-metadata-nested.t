# Metadata in metadata.
at data
! answer 550 5.6.0 X-Posthaste-Metadata: has a value that is no string, number or boolean; nested values go as a string
C: From: a@sandbox.test
C: X-Posthaste-Metadata: \x7b"a":\x7b\x7d\x7d
C:
C: hello
C: .
S: 550 5.6.0 X-Posthaste-Metadata: has a value that is no string, number or boolean; nested values go as a string
= open
