/*
 * jobs.h - the open copies in memory: what mail.db says of them, and who is delivering them.
 *
 * A message lives here as long as it has open copies.  A job is in one of these: planned
 * (plan.h), given to a worker, or waiting for its RESULT to be committed (done_pending).
 */
#ifndef QUEUED_JOBS_H
#define QUEUED_JOBS_H

#include "common/mail/qid.h"
#include "common/mail/state.h"
#include "common/mail/token.h"
#include "queued/plan.h"

struct worker;

struct message {
	struct hash_node by_id;
	struct qid id;
	uint64_t n; /* key in mail.db */
	uint64_t server;
	struct domain domain; /* signs; n == 0: none */
	int64_t received_ms;
	unsigned open;	/* copies that are not final */
	bool put_aside; /* its file went to spool/corrupt */
};

struct job {
	struct hash_node by_copy;
	struct plan_entry plan;
	struct message *message;
	uint64_t copy;
	struct addr rcpt;
	enum copy_state state;
	unsigned attempts; /* finished ones */
	int64_t due_ms;
	char token[TOKEN_TEXT_SIZE];
	char *return_path;     /* "": null sender */
	struct worker *worker; /* who has it */
	struct job *next_of_worker, **prev_of_worker;
	size_t mark;	   /* its slot in inflight.c; 0: none */
	bool former;	   /* waits for a worker that had it before this start */
	bool done_pending; /* a RESULT of it waits to be committed */
};

extern struct plan jobs_plan;

void jobs_init(unsigned domain_limit);
struct message *jobs_message(const struct qid *id); /* NULL: none that is open */
struct message *jobs_message_new(const struct qid *id);
struct job *jobs_find(uint64_t copy);
/* The copy's fields are set by the caller; message->open counts it. */
struct job *jobs_new(struct message *m, uint64_t copy);
/* Plans a job that is nowhere, at its due_ms; not when the copy is held. */
void jobs_schedule(struct job *j);
/* At the start: all that were loaded. */
void jobs_schedule_all(void);
void jobs_give(struct job *j, struct worker *w, struct job **list);
void jobs_take_back(struct job *j); /* from its worker */
/* Frees the job, and the message with its last one.  True: it was the last. */
bool jobs_end(struct job *j);
size_t jobs_count(void);

#endif
