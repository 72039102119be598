# A 5xx greeting is temporary: another host may take the mail.
S: 554 5.7.1 no service for you
C: QUIT
= temporary 554 4.7.1 banner 5.7.1 no service for you
