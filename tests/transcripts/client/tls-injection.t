# Bytes behind the 220 to STARTTLS (CVE-2011-0411): the connection is dropped.
S: 220 mx.test ESMTP
C: EHLO me.test
S: 250-mx.test
S: 250 STARTTLS
C: STARTTLS
S: 220 ready
S: 250 2.1.0 injected
= temporary 0 4.5.0 tls the server sent more than its reply to STARTTLS
