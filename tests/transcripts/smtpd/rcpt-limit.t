# A hundred and two more: the message goes to the hundred.
at mail
C: RCPT TO:<b1@to.test>
C: RCPT TO:<b2@to.test>
C: RCPT TO:<b3@to.test>
C: RCPT TO:<b4@to.test>
C: RCPT TO:<b5@to.test>
C: RCPT TO:<b6@to.test>
C: RCPT TO:<b7@to.test>
C: RCPT TO:<b8@to.test>
C: RCPT TO:<b9@to.test>
C: RCPT TO:<b10@to.test>
C: RCPT TO:<b11@to.test>
C: RCPT TO:<b12@to.test>
C: RCPT TO:<b13@to.test>
C: RCPT TO:<b14@to.test>
C: RCPT TO:<b15@to.test>
C: RCPT TO:<b16@to.test>
C: RCPT TO:<b17@to.test>
C: RCPT TO:<b18@to.test>
C: RCPT TO:<b19@to.test>
C: RCPT TO:<b20@to.test>
C: RCPT TO:<b21@to.test>
C: RCPT TO:<b22@to.test>
C: RCPT TO:<b23@to.test>
C: RCPT TO:<b24@to.test>
C: RCPT TO:<b25@to.test>
C: RCPT TO:<b26@to.test>
C: RCPT TO:<b27@to.test>
C: RCPT TO:<b28@to.test>
C: RCPT TO:<b29@to.test>
C: RCPT TO:<b30@to.test>
C: RCPT TO:<b31@to.test>
C: RCPT TO:<b32@to.test>
C: RCPT TO:<b33@to.test>
C: RCPT TO:<b34@to.test>
C: RCPT TO:<b35@to.test>
C: RCPT TO:<b36@to.test>
C: RCPT TO:<b37@to.test>
C: RCPT TO:<b38@to.test>
C: RCPT TO:<b39@to.test>
C: RCPT TO:<b40@to.test>
C: RCPT TO:<b41@to.test>
C: RCPT TO:<b42@to.test>
C: RCPT TO:<b43@to.test>
C: RCPT TO:<b44@to.test>
C: RCPT TO:<b45@to.test>
C: RCPT TO:<b46@to.test>
C: RCPT TO:<b47@to.test>
C: RCPT TO:<b48@to.test>
C: RCPT TO:<b49@to.test>
C: RCPT TO:<b50@to.test>
C: RCPT TO:<b51@to.test>
C: RCPT TO:<b52@to.test>
C: RCPT TO:<b53@to.test>
C: RCPT TO:<b54@to.test>
C: RCPT TO:<b55@to.test>
C: RCPT TO:<b56@to.test>
C: RCPT TO:<b57@to.test>
C: RCPT TO:<b58@to.test>
C: RCPT TO:<b59@to.test>
C: RCPT TO:<b60@to.test>
C: RCPT TO:<b61@to.test>
C: RCPT TO:<b62@to.test>
C: RCPT TO:<b63@to.test>
C: RCPT TO:<b64@to.test>
C: RCPT TO:<b65@to.test>
C: RCPT TO:<b66@to.test>
C: RCPT TO:<b67@to.test>
C: RCPT TO:<b68@to.test>
C: RCPT TO:<b69@to.test>
C: RCPT TO:<b70@to.test>
C: RCPT TO:<b71@to.test>
C: RCPT TO:<b72@to.test>
C: RCPT TO:<b73@to.test>
C: RCPT TO:<b74@to.test>
C: RCPT TO:<b75@to.test>
C: RCPT TO:<b76@to.test>
C: RCPT TO:<b77@to.test>
C: RCPT TO:<b78@to.test>
C: RCPT TO:<b79@to.test>
C: RCPT TO:<b80@to.test>
C: RCPT TO:<b81@to.test>
C: RCPT TO:<b82@to.test>
C: RCPT TO:<b83@to.test>
C: RCPT TO:<b84@to.test>
C: RCPT TO:<b85@to.test>
C: RCPT TO:<b86@to.test>
C: RCPT TO:<b87@to.test>
C: RCPT TO:<b88@to.test>
C: RCPT TO:<b89@to.test>
C: RCPT TO:<b90@to.test>
C: RCPT TO:<b91@to.test>
C: RCPT TO:<b92@to.test>
C: RCPT TO:<b93@to.test>
C: RCPT TO:<b94@to.test>
C: RCPT TO:<b95@to.test>
C: RCPT TO:<b96@to.test>
C: RCPT TO:<b97@to.test>
C: RCPT TO:<b98@to.test>
C: RCPT TO:<b99@to.test>
C: RCPT TO:<b100@to.test>
C: RCPT TO:<c@to.test>
C: RCPT TO:<d@to.test>
C: NOOP
S*100: 250 2.1.5 Ok
S*2: 452 4.5.3 Too many recipients; send the others in another message
S: 250 2.0.0 Ok
C: RCPT TO:<b1@to.test>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: From: a@sandbox.test
C:
C: hello
C: .
S: 250 2.0.0 Ok: queued as *
M: <a@sandbox.test> <b1@to.test> <b2@to.test> <b3@to.test> <b4@to.test> <b5@to.test> <b6@to.test> <b7@to.test> <b8@to.test> <b9@to.test> <b10@to.test> <b11@to.test> <b12@to.test> <b13@to.test> <b14@to.test> <b15@to.test> <b16@to.test> <b17@to.test> <b18@to.test> <b19@to.test> <b20@to.test> <b21@to.test> <b22@to.test> <b23@to.test> <b24@to.test> <b25@to.test> <b26@to.test> <b27@to.test> <b28@to.test> <b29@to.test> <b30@to.test> <b31@to.test> <b32@to.test> <b33@to.test> <b34@to.test> <b35@to.test> <b36@to.test> <b37@to.test> <b38@to.test> <b39@to.test> <b40@to.test> <b41@to.test> <b42@to.test> <b43@to.test> <b44@to.test> <b45@to.test> <b46@to.test> <b47@to.test> <b48@to.test> <b49@to.test> <b50@to.test> <b51@to.test> <b52@to.test> <b53@to.test> <b54@to.test> <b55@to.test> <b56@to.test> <b57@to.test> <b58@to.test> <b59@to.test> <b60@to.test> <b61@to.test> <b62@to.test> <b63@to.test> <b64@to.test> <b65@to.test> <b66@to.test> <b67@to.test> <b68@to.test> <b69@to.test> <b70@to.test> <b71@to.test> <b72@to.test> <b73@to.test> <b74@to.test> <b75@to.test> <b76@to.test> <b77@to.test> <b78@to.test> <b79@to.test> <b80@to.test> <b81@to.test> <b82@to.test> <b83@to.test> <b84@to.test> <b85@to.test> <b86@to.test> <b87@to.test> <b88@to.test> <b89@to.test> <b90@to.test> <b91@to.test> <b92@to.test> <b93@to.test> <b94@to.test> <b95@to.test> <b96@to.test> <b97@to.test> <b98@to.test> <b99@to.test> <b100@to.test>
> From: a@sandbox.test
>
> hello
= open
