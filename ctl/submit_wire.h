/*
 * submit_wire.h - a blocking SMTP connection for one dialogue: greeting, STARTTLS, login, commands
 * and replies.
 *
 * Functions that return int give 0, or an exit code after having said what went wrong and what
 * to do.
 */
#ifndef CTL_SUBMIT_WIRE_H
#define CTL_SUBMIT_WIRE_H

#include <openssl/ssl.h>

#include "common/buf.h"

struct wire {
	char host[256], port[16];
	char ca[4096]; /* file of the authority that the server's certificate must be signed by */
	char verify[256]; /* the name that the certificate must have; "": host */
	const char *dir;  /* the instance, for messages */
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;	  /* NULL: in clear */
	struct buf in;	  /* received, not yet looked at */
	struct buf reply; /* the last one, its lines with LF between them */
	int code;	  /* of the last reply */
};

void wire_init(struct wire *w);
void wire_done(struct wire *w);
/* To w->host and w->port. */
int wire_connect(struct wire *w) MUST_CHECK;
struct wire_login {
	const char *name;	 /* for EHLO */
	const char *user, *pass; /* pass "": no login, and no TLS */
	bool clear_allowed;	 /* where there is no STARTTLS */
	const char *advice;	 /* when the login is refused: EX_NOPERM */
};
/* From the greeting on, so that MAIL may follow. */
int wire_begin(struct wire *w, const struct wire_login *l) MUST_CHECK;
/* Whatever is answered to it. */
void wire_quit(struct wire *w);
/* The last reply was not what is needed: says so. */
int wire_refused(const struct wire *w, const char *what, const char *advice);
/* Sends a line (or a message) and takes the reply, which must have the code `want`; 0: any, then
 * look at w->code. */
int wire_say(struct wire *w, const char *name, struct span line, int want,
	     const char *advice) MUST_CHECK;
int wire_sayf(struct wire *w, const char *name, int want, const char *advice, const char *fmt, ...)
	PRINTF(5, 6) MUST_CHECK;

#endif
