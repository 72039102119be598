/*
 * change.h - a change of a copy that waits to be written: how an attempt ended, or what was
 * decided without one.  Local to results.c (who gathers and commits) and change.c (what it means).
 */
#ifndef QUEUED_CHANGE_H
#define QUEUED_CHANGE_H

#include "common/ipc/ipc.h"
#include "queued/jobs.h"

enum change_kind {
	CHANGE_ATTEMPT, /* m says how it ended */
	CHANGE_HOLD,
	CHANGE_RELEASE,
	CHANGE_SUPPRESS,
	CHANGE_EXPIRE,
	CHANGE_CANCEL,
	CHANGE_RETRY,
};

struct change {
	struct change *next;
	enum change_kind kind;
	struct worker *worker; /* to be told; NULL: nobody */
	struct job *job;       /* NULL: known already, only to be acknowledged */
	struct wall at;
	struct mono now;
	/* CHANGE_ATTEMPT */
	struct buf packet; /* what m points into */
	struct ipc_result m;
	bool own; /* not a worker's: it died, or never had the copy */
	/* the others */
	char *reason;
	int64_t since_ms, until_ms; /* CHANGE_SUPPRESS; wall */
	/* what the transaction will make of the copy; set by change_decide() */
	enum copy_state state;
	enum hold hold;
	unsigned attempts, flags;
	struct mono due;
	bool delayed, interrupted; /* further events: delayed; what an operator wanted */
};

/* From the job as it is to the copy as it will be. */
void change_decide(struct change *c);
/* Inside a transaction: the copy's row, its events, and the count of its message. */
void change_put(struct change *c);
void change_log(const struct change *c);

#endif
