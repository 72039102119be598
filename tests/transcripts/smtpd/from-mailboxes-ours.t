# From of two mailboxes, both ours; with comments, folds and capitals.
at data
C: From: A <a@sandbox.test>,
C: \x20(b)\x20"B" <B@Sandbox.TEST>
C:
C: From: b@elsewhere.test
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b@to.test>
> From: A <a@sandbox.test>,
> \x20(b)\x20"B" <B@Sandbox.TEST>
>
> From: b@elsewhere.test
= open
