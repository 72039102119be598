# Smuggling: LF . LF.
at data
C: From: a@sandbox.test
C:
C- x\n.\nMAIL FROM:<evil@sandbox.test>\r\n
C: RCPT TO:<victim@to.test>
C: DATA
C: From: evil@sandbox.test
C:
C: smuggled
C: .
C: NOOP
S: 250 2.0.0 Ok: queued as *
S: 250 2.0.0 Ok
M: <a@sandbox.test> <b@to.test>
> From: a@sandbox.test
>
>- x\r\n.\r\nMAIL FROM:<evil@sandbox.test>\r\n
> RCPT TO:<victim@to.test>
> DATA
> From: evil@sandbox.test
>
> smuggled
= open
