/*
 * store.h - mail.db in queued's hands: every fact together with its event, one transaction a
 * batch.
 *
 * Between store_begin() and store_commit() the put functions may be called; when the commit fails
 * nothing of the batch has happened, and the caller keeps what it has for a later try.
 */
#ifndef QUEUED_STORE_H
#define QUEUED_STORE_H

#include "common/ipc/event.h"
#include "common/spool/envelope.h"
#include "queued/jobs.h"

/* Dies when mail/mail.db cannot be opened. */
void store_open(void);
void store_close(void);
/* durable: flushed at the commit.  Not needed for what a spool file proves. */
void store_begin(bool durable);
/* False: undone; logged. */
bool store_commit(void);

enum store_claim { CLAIM_NEW, CLAIM_KNOWN, CLAIM_CONFLICT };
/* Writes message, copies and the event accepted.  KNOWN: the message is there (a claim that was
 * interrupted); CONFLICT: one of its copy ids belongs to another message, nothing is written. */
enum store_claim store_put_message(const struct envelope *e, uint64_t size,
				   char (*tokens)[TOKEN_TEXT_SIZE], const char *return_domain,
				   uint64_t *n_out);
/* The copy's state, attempts, due time and last reply as they are in the job. */
void store_put_copy(const struct job *j, const char *last);
void store_put_event(const struct event *e, uint64_t message, uint64_t copy, int64_t at_ms);
void store_close_one(uint64_t message);
void store_put_kept(uint64_t message, int64_t day);

struct store_row {
	uint64_t n;
	unsigned open;
	bool has_kept;
	int64_t kept;
};
bool store_message(const struct qid *id, struct store_row *out);
/* Loads what is not final into jobs.h. */
void store_load_open(void);
/* Calls fn for each finished message whose file was not moved or removed yet. */
void store_each_unkept(void (*fn)(uint64_t n, const struct qid *id));

#endif
