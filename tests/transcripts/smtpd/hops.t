# Fifty Received fields: it goes in a circle.
at data
! answer 554 5.4.6 Too many hops: the message goes in a circle
C- {50*Received: from a by b; Mon, 23 Nov 2026 10:00:00 +0000\r\n}
C: From: a@sandbox.test
C:
C: hello
C: .
S: 554 5.4.6 Too many hops: the message goes in a circle
= open
