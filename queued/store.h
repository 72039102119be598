/*
 * store.h - mail.db in queued's hands: every fact together with its event, one transaction a
 * batch.
 *
 * Between store_begin() and store_commit() the put functions may be called; when the commit fails
 * nothing of the batch has happened, and the caller keeps what it has for a later try.  The
 * reading functions may be called any time and leave no transaction open.
 */
#ifndef QUEUED_STORE_H
#define QUEUED_STORE_H

#include "common/ipc/event.h"
#include "common/spool/envelope.h"
#include "common/mail/token.h"
#include "queued/jobs.h"

struct db;

/* Dies when mail/mail.db cannot be opened. */
void store_open(void);
void store_close(void);
/* For the other files that have statements of their own. */
struct db *store_db(void);
/* durable: flushed at the commit.  Not needed for what a spool file proves. */
void store_begin(bool durable);
/* False: undone; logged. */
bool store_commit(void);
void store_undo(void); /* instead of the commit */
/* A reading function failed: logs why, and makes the database usable again. */
void store_failed(void);

/* claims */

enum store_claim { CLAIM_NEW, CLAIM_KNOWN, CLAIM_CONFLICT };

struct store_new {
	const struct envelope *e;
	uint64_t size;
	unsigned spool_flags;
	char (*tokens)[TOKEN_TEXT_SIZE];
	const char *return_domain;
	bool dkim_unpublished; /* only the instance can sign it */
	/* set by store_put_message() */
	uint64_t n;
	enum copy_state state; /* of its copies: queued, or for a known idempotency key cancelled or
				* held */
};
/* Writes message, copies and their first events.  KNOWN: the message is there (a claim that was
 * interrupted); CONFLICT: one of its copy ids belongs to another message, nothing is written. */
enum store_claim store_put_message(struct store_new *m);

/* copies and events */

struct store_copy {
	uint64_t copy;
	enum copy_state state;
	enum hold hold;
	unsigned attempts, flags;
	struct mono due;
	const char *last; /* NULL: as it is */
};
void store_put_copy(const struct store_copy *c);
/* See struct job; store_put_copy() ends it. */
void store_put_wanted(uint64_t copy, unsigned action, const char *why);
/* copy 0: of the message as a whole */
void store_put_event(const struct event *e, uint64_t message, uint64_t copy, int64_t at_ms);
/* The SMTP conversation of the attempt whose event was just written. */
void store_put_conversation(struct span text, int64_t at_ms);
void store_close_one(uint64_t message);
void store_put_kept(uint64_t message, int64_t day);
void store_put_setting(const char *name, struct span value);

struct store_row {
	uint64_t n;
	unsigned open;
	bool has_kept;
	int64_t kept;
};
bool store_message(const struct qid *id, struct store_row *out);
/* False: not set, or longer than size - 1. */
bool store_setting(const char *name, char *value, size_t size);
/* Those whose name begins so. */
void store_each_setting(const char *prefix, void (*fn)(struct span name, struct span value));
/* Loads what is not final into jobs.h, planned nowhere. */
void store_load_open(void);
/* Calls fn for each finished message whose file was not moved or removed yet. */
void store_each_unkept(void (*fn)(uint64_t n, const struct qid *id));

/* suppress.c: the suppression list.  Addresses are compared without case: lists that are imported
 * come in lower case, and nobody has two mailboxes that differ in it alone. */

enum { SUPPRESSION_REASON_MAX = 255 };
struct suppression {
	char reason[SUPPRESSION_REASON_MAX + 1];
	struct wall created, expires; /* 0: never */
};
void suppress_init(void);
/* Is the address on the list of that server or of all of them, and not expired?  -ENOENT: it is
 * not; -EIO: that cannot be found out now. */
int suppress_find(uint64_t server, const char *address, struct suppression *out) MUST_CHECK;
/* Inside a transaction.  An address that is there gets the new reason and times. */
void suppress_put(uint64_t server, struct span address, const struct suppression *s);
/* True: it was there. */
bool suppress_remove(uint64_t server, struct span address);

/* retain.c: removes what retention.* no longer keeps, some of it a call; true: there is more. */
bool retain_some(void);

#endif
