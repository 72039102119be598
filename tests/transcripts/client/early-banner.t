# A reply to EHLO before EHLO was sent.
S: 220 mx.test
S: 250 mx.test
= temporary 250 4.5.0 ehlo the server replied before it was asked: mx.test
