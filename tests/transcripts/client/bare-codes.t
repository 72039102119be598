# Codes without text.
S: 220
C: EHLO me.test
S: 250
C: MAIL FROM:<a@from.test>
S: 250
C: RCPT TO:<b@to.test>
S: 250
C: DATA
S: 354
C: {content}
S: 250
C: QUIT
= done 250 2.0.0 dot
