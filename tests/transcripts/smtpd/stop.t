# smtpd is stopped: who sends nothing is told to come back.
at rcpt
! stop
S: 421 4.3.2 Service is being restarted, try again
= closed
