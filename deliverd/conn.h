/*
 * conn.h - a connection to one address of a receiving server, and the transactions on it.
 *
 * It belongs to one attempt at a time, whose progress it drives: the pure client (client.h) over
 * a stream.  When a transaction is over and the session still stands, conn_rest() keeps it idle
 * for deliver.idle; conn_take() gives it to the next attempt that wants the same address in the
 * same way.  Whatever comes from the server meanwhile ends it.
 */
#ifndef DELIVERD_CONN_H
#define DELIVERD_CONN_H

#include <sys/queue.h>

#include "common/loop.h"
#include "common/stream.h"
#include "deliverd/client.h"
#include "deliverd/logins.h"
#include "deliverd/route.h"

enum { CONN_TLS_SIZE = 64, CONN_NOTE_SIZE = 160 };

struct attempt;
struct attempt_env;

struct conn {
	TAILQ_ENTRY(conn) link; /* while it is idle */
	const struct attempt_env *env;
	struct attempt *attempt; /* NULL: idle, or on its way out */
	struct route_hop hop;
	enum conf_tls tls_level;
	struct stream *stream; /* NULL: it has ended */
	struct client client;
	struct domain helo;
	struct login login;
	bool talking; /* connected: client is in use */
	bool tls_begun, tls_failed;
	bool gone;	       /* freed at the end of this turn */
	bool reused;	       /* it had been idle */
	unsigned generation;   /* of the configuration */
	unsigned messages;     /* transactions begun */
	unsigned mail_replies; /* client.replies when the last one began */
	struct loop_timer *deadline;
	unsigned deadline_replies;     /* client.replies when it was set */
	char tls[CONN_TLS_SIZE];       /* version and cipher; "": clear */
	char tls_note[CONN_NOTE_SIZE]; /* what the certificate is worth */
};

/* An idle one to this address with that level of TLS and that login, or NULL. */
struct conn *conn_take(struct attempt *a, const struct route_hop *hop, enum conf_tls level,
		       const struct login *login);
/* Is there one? */
bool conn_is_idle(const struct route_hop *hop, enum conf_tls level, const struct login *login);
/* Begins to connect.  NULL: not even that can be tried. */
struct conn *conn_open(struct attempt *a, const struct route_hop *hop, enum conf_tls level,
		       const struct login *login);
/* Does what the client wants. */
void conn_drive(struct conn *c);
/* It was reused and has ended before the server took anything of this transaction: the message
 * may go over another connection as if nothing had been. */
bool conn_was_stale(const struct conn *c);
/* Lets go of it: idle where the session stands; else it ends, politely where that is possible. */
void conn_release(struct conn **c);
/* Ends all idle ones, as when the configuration has changed; or also keeps none any more. */
void conn_close_idle(void);
void conn_stop(void);

#endif
