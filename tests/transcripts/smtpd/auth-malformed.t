# What is no base64, has no NULs, or too many; a password is never cut at a NUL.
at tls
C: AUTH PLAIN !!!!
S: 501 5.5.2 That is not base64
C: AUTH PLAIN AHUAd3Jvbmc
S: 501 5.5.2 That is not base64
C: AUTH PLAIN AHUAd3Jvbmc= AHUAd3Jvbmc=
S: 501 5.5.2 That is not base64
C: AUTH PLAIN =
S: 501 5.5.2 AUTH PLAIN needs two NUL bytes, no more and no less
C: AUTH PLAIN c2VjcmV0
S: 501 5.5.2 AUTH PLAIN needs two NUL bytes, no more and no less
C: AUTH PLAIN AHNlY3JldA==
S: 501 5.5.2 AUTH PLAIN needs two NUL bytes, no more and no less
C: AUTH PLAIN AABzZWNyZXQA
S: 501 5.5.2 AUTH PLAIN needs two NUL bytes, no more and no less
C: AUTH PLAIN
S: 334 *
C: \xff\xfe
S: 501 5.5.2 That is not base64
C: AUTH
S: 501 5.5.4 Syntax: AUTH mechanism [initial response]
C: AUTH CRAM-MD5
S: 504 5.5.4 Unknown authentication mechanism; EHLO tells which are offered
C: AUTH PLAIN {plain}
S: 235 2.7.0 Granted for *
= open
