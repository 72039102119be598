# Every octet but NUL, and CR and LF in their place, is kept.
at data
C: From: =?utf-8?q?J=C3=B6rg?= <a@sandbox.test>
C:
C: \x01\x02\x07\x08\x09\x0b\x0c\x1b\x7f\x80\x85\xa0\xff\xc3\xb6\xf0\x9f\x98\x80
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: =?utf-8?q?J=C3=B6rg?= <a@sandbox.test>
>
> \x01\x02\x07\x08\x09\x0b\x0c\x1b\x7f\x80\x85\xa0\xff\xc3\xb6\xf0\x9f\x98\x80
= open
