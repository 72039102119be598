/*
 * jobs.h - the open copies in memory: what mail.db says of them, and who is delivering them.
 *
 * A message lives here as long as it has open copies.  A job is in one of these: planned
 * (plan.h), given to a worker, or waiting for its change to be committed (done_pending).  A held
 * copy is planned, too: for the time at which its hold ends.
 *
 * Times are monotonic: a jump of the wall clock delays and expires nothing.  mail.db has them as
 * wall time, converted as the clocks stand at that moment.
 */
#ifndef QUEUED_JOBS_H
#define QUEUED_JOBS_H

#include "common/clock.h"
#include "common/mail/addr.h"
#include "common/mail/qid.h"
#include "common/mail/state.h"
#include "queued/plan.h"

struct worker;
struct usage;

/* copies.flags in mail.db */
enum job_flag {
	JOB_TOLD_DELAY = 1, /* its event delayed is written */
	JOB_RELEASED = 2, /* from a credential's or development hold: those are looked at no more */
	JOB_COUNTED = 4,  /* for its server's send limit */
};

/* Why a copy is held.  HOLD(NAME, number, "name", "the event's detail") */
#define HOLDS(HOLD)                                                                              \
	HOLD(NONE, 0, "", "")                                                                    \
	HOLD(SUSPENDED, 1, "suspended",                                                          \
	     "the mail server or its organisation is suspended; unsuspend it, then release")     \
	HOLD(CREDENTIAL, 2, "credential",                                                        \
	     "the credential it was submitted with holds all its mail; release what may go")     \
	HOLD(DEVELOPMENT, 3, "development",                                                      \
	     "the mail server is in development mode; release what may go, or set --mode live")  \
	HOLD(SEND_LIMIT, 4, "send-limit",                                                        \
	     "the mail server has sent its limit for an hour; it goes on by itself")             \
	HOLD(IDEMPOTENCY, 5, "idempotency",                                                      \
	     "its idempotency key belongs to a message with another content; release or cancel") \
	HOLD(OPERATOR, 6, "operator", "an operator holds it; release or cancel")                 \
	HOLD(CORRUPT, 7, "corrupt", "its file is damaged or missing; restore it, then release")  \
	HOLD(SERVER_UNKNOWN, 8, "server-unknown",                                                \
	     "control.db has no such mail server; if an older one was restored, restore the "    \
	     "newer, then release; else cancel")

enum hold {
#define HOLD(NAME, number, name, detail) HOLD_##NAME = number,
	HOLDS(HOLD)
#undef HOLD
};

const char *hold_name(enum hold h);
const char *hold_detail(enum hold h);
enum hold hold_read(struct span name); /* HOLD_NONE: not one of them */

struct message {
	struct hash_node by_id;
	struct qid id;
	uint64_t n; /* key in mail.db */
	uint64_t credential;
	uint64_t size;
	struct usage *usage; /* of its server */
	char *domain;	     /* signs; "": none */
	struct mono received;
	struct mono expires; /* INT64_MAX: queue.lifetime alone counts */
	unsigned open;	     /* copies that are not final */
	bool bulk;
	bool put_aside; /* its file went to spool/corrupt */
};

struct job {
	struct hash_node by_copy;
	struct plan_entry plan;
	bool planned;
	struct message *message;
	uint64_t copy;
	char *rcpt;
	uint16_t rcpt_at; /* index of the @ */
	uint16_t flags;	  /* enum job_flag */
	enum copy_state state;
	unsigned attempts; /* finished ones */
	struct mono due;
	enum hold hold;	       /* of a held copy */
	char *return_path;     /* "": null sender */
	struct worker *worker; /* who has it */
	struct job *next_of_worker, **prev_of_worker;
	size_t mark;	   /* its slot in inflight.c; 0: none */
	bool former;	   /* waits for a worker that had it before this start */
	bool done_pending; /* a change of it waits to be committed */
	/* What an operator wants of a copy that is with a worker: 0, QUEUE_HOLD, QUEUE_CANCEL. */
	uint8_t wanted;
	char *wanted_why; /* NULL: not said */
};

enum { JOB_WHY_MAX = 256 }; /* bytes of an operator's reason */

void jobs_init(const struct plan_limits *limits);
extern struct plan jobs_plan;

struct message *jobs_message(const struct qid *id); /* NULL: none that is open */
struct message *jobs_message_new(const struct qid *id, uint64_t server, uint64_t size);
struct job *jobs_find(uint64_t copy);
/* message->open counts it; rcpt is copied, the other fields are set by the caller. */
struct job *jobs_new(struct message *m, uint64_t copy, const struct addr *rcpt);
struct span job_domain(const struct job *j);
/* Plans a job that is nowhere, at its due time. */
void jobs_schedule(struct job *j);
/* Takes it out of the plan, as when its change waits to be committed. */
void jobs_unplan(struct job *j);
void jobs_each(void (*fn)(struct job *));
/* why: "" is none */
void jobs_want(struct job *j, unsigned action, const char *why);
void jobs_give(struct job *j, struct worker *w, struct job **list);
void jobs_take_back(struct job *j); /* from its worker */
/* Frees the job, and the message with its last one.  True: it was the last. */
bool jobs_end(struct job *j);
size_t jobs_count(void);

#endif
