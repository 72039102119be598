/*
 * ask.h - questions of a worker to another daemon (RESOLVE, SIGN): one connection for all, many
 * questions at once, each answered once.
 *
 * A lost connection is made again with backoff, and what was not answered is asked again, once.
 * When the other side has been away for ASK_AWAY_MS, questions are answered with NULL: nobody is
 * there.  There is no deadline here: who asks has one and takes its question back.
 */
#ifndef DELIVERD_ASK_H
#define DELIVERD_ASK_H

#include "common/ipc/chan.h"

enum { ASK_AWAY_MS = 3000 };

struct asker;

/* Lives in its owner; zeroed, then fill and answered are set. */
struct ask {
	/* Writes the question; `request` is given.  The spans live until it is sent. */
	void (*fill)(struct ask *a, uint64_t request, struct ipc_msg *m);
	/* m: the answer, or NULL.  The question is over when this is called. */
	void (*answered)(struct ask *a, const struct ipc_msg *m);
	/* the asker's own */
	struct asker *asker; /* NULL: not pending */
	uint64_t request;
	unsigned sent;
	struct ask *prev, *next;
};

struct asker *asker_new(enum ipc_door door);
/* May call answered() before it returns. */
void asker_ask(struct asker *k, struct ask *a);
/* Takes a question back; fine when it is not pending. */
void ask_cancel(struct ask *a);

#endif
