# Lines that end in LF are repaired, header included; nothing else changes.
at data
C- From: a@sandbox.test\nSubject: a\n\nhello\n\n..\n
C: end
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
> Subject: a
>
> hello
>
> ..
> end
= open
