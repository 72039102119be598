# 70 kB without a line end, then QUIT: closed before it.
kind mx
at ehlo
C: {70000*x}
C: QUIT
S: 421 4.7.0 Line is far too long, closing
= closed
