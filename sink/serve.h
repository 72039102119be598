/*
 * serve.h - the sockets of the receiving end: listeners, sessions, and a clean stop.
 */
#ifndef SINK_SERVE_H
#define SINK_SERVE_H

#include <openssl/ssl.h>

#include "sink/store.h"

enum {
	SERVE_LISTENERS_MAX = 32,
	SERVE_SESSIONS_MAX = 1000,	  /* at once; one more is answered 421 4.3.2 */
	SERVE_TIMEOUT_MS = 5 * 60 * 1000, /* without a byte: RFC 5321 4.5.3.2.7 */
	SERVE_STOP_MS = 5000,		  /* what messages that are being received get to end */
};

/* store, name and ctx stay the caller's; ctx may be replaced while it runs. */
void serve_init(struct store *store, const char *name);
void serve_tls(SSL_CTX *ctx);
/* A listening socket; taken over. */
void serve_listen(int fd);
/* No new sessions; ends the loop when the messages now being received have ended. */
void serve_stop(void);

#endif
