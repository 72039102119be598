# Every option once; Bcc and its like go with them, what only looks alike stays.
at data
C: X-Postal-Tag: welcome
C: From: a@sandbox.test
C: Bcc: secret@to.test,
C:  other@to.test
C: X-Bcc: stays
C: X-Posthaste-Stream: News
C: X-Posthaste-Metadata: \x7b"order": 17,
C: \x09"new": true\x7d
C: X-Posthaste-Idempotency-Key: order 17
C: x-posthaste-track: opens, clicks
C: X-Posthaste-Expires: 36h
C: X-Posthaste-Ref: not of ours
C: Content-Length: 5
C: X-Postal-MsgID: stays
C:
C: Bcc: stays
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> X-Postal-Tag: welcome
> From: a@sandbox.test
> Bcc: secret@to.test,
>  other@to.test
> X-Bcc: stays
> X-Posthaste-Stream: News
> X-Posthaste-Metadata: \x7b"order": 17,
> \x09"new": true\x7d
> X-Posthaste-Idempotency-Key: order 17
> x-posthaste-track: opens, clicks
> X-Posthaste-Expires: 36h
> X-Posthaste-Ref: not of ours
> Content-Length: 5
> X-Postal-MsgID: stays
>
> Bcc: stays
= open
