/*
 * resolver_questions.h - questions of the RESOLVE door: waiting, running, answered; deadlines and
 * limits.  Knows dns.zone, but not libunbound: that is the backend.
 */
#ifndef DELIVERD_RESOLVER_QUESTIONS_H
#define DELIVERD_RESOLVER_QUESTIONS_H

#include "common/ipc/chan.h"
#include "deliverd/resolver_zone.h"

struct question;

struct questions_backend {
	/* Asks; questions_answered() once later, or before this returns.  NULL and an id, or why it
	 * cannot be asked (then there is no answer). */
	const char *(*ask)(const char *name, uint16_t type, struct question *q, int *id_out);
	void (*cancel)(int id);
	/* Begins to ask past the cache for a name that existed a while ago ("": there is none yet),
	 * and if it doesn't any more, for dns.canary; questions_canary() later, or at once. */
	void (*canary)(const char *name, uint16_t type);
	/* Forgets all answers; may wait for the end of the turn. */
	void (*forget)(void);
};

enum question_security { QUESTION_INSECURE, QUESTION_BOGUS, QUESTION_SECURE };

void questions_init(const struct questions_backend *backend);
void questions_done(void);
/* Takes the zone over.  local: nothing but the zone is asked.  What was running is cancelled and,
 * after this turn of the loop, asked anew. */
void questions_configure(struct zone *zone, bool local, int64_t timeout_ms);

/* Does one of them exist?  Called once for each backend->canary(). */
void questions_canary(bool exists);

void questions_add(struct chan *from, const struct ipc_resolve *m);
/* The asker is gone. */
void questions_drop(const struct chan *from);
/* The backend's answer: a DNS packet, or with rcode not 0 perhaps none; why may be NULL. */
void questions_answered(struct question *q, int rcode, struct span packet,
			enum question_security security, const char *why);

#endif
