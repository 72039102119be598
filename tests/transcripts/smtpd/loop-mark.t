# The mark that each copy gets when it is sent: the message goes in a circle.
only pure
at data
! answer 554 5.4.6 This message was sent from here before: it goes in a circle
C: From: a@sandbox.test
C: X-Posthaste-Ref: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
C:
C: hello
C: .
S: 554 5.4.6 This message was sent from here before: it goes in a circle
= open
