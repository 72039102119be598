/*
 * retain.c - removes what retention.metadata and retention.events no longer keep; the bytes of
 * messages (retention.content) go with their day's folder in files.c.
 *
 * Events go from the oldest on, without holes, so a reader's cursor is either kept or too old.  A
 * message's row loses its addresses when retention.metadata is over, and goes when its events and
 * its bytes have gone.  Some rows a call: queued has other things to do in between.
 */
#include "common/db/db.h"
#include "common/log.h"
#include "queued/queued.h"
#include "queued/store.h"
#include "mail_sql.h"

enum { BATCH = 500 };

/* True: there may be more. */
static bool expire_events(int64_t before_ms)
{
	enum { S = MAIL_SQL_EVENTS_TO_KEEP };
	struct db *db = store_db();
	uint64_t keep_from = 0;
	bool all = false;

	db_i64(db, S, before_ms);
	db_u64(db, S, BATCH);
	if (db_step(db, S)) {
		all = db_get_is_null(db, S, 0) && !db_get_is_null(db, S, 1);
		keep_from = all ? db_get_u64(db, S, 1) + 1 : db_get_u64(db, S, 0);
	}
	db_reset(db, S);
	if (!keep_from)
		return false;
	db_u64(db, MAIL_SQL_EVENTS_EXPIRE, keep_from);
	db_run(db, MAIL_SQL_EVENTS_EXPIRE);
	return all && db_changes(db) > 0;
}

static bool expire_conversations(int64_t now)
{
	enum { S = MAIL_SQL_CONVERSATIONS_EXPIRE };
	int64_t keep = conf->retention_smtp_ms < conf->retention_metadata_ms
			       ? conf->retention_smtp_ms
			       : conf->retention_metadata_ms;
	struct db *db = store_db();

	db_i64(db, S, now - keep);
	db_u64(db, S, BATCH);
	db_run(db, S);
	return db_changes(db) == BATCH;
}

struct finished {
	uint64_t n;
	bool forget, drop;
};

static void run_for(size_t stmt, uint64_t n)
{
	db_u64(store_db(), stmt, n);
	db_run(store_db(), stmt);
}

static void apply(const struct finished *f)
{
	if (f->drop) {
		run_for(MAIL_SQL_COPIES_DELETE, f->n);
		run_for(MAIL_SQL_MESSAGE_DELETE, f->n);
	} else if (f->forget) {
		run_for(MAIL_SQL_COPIES_FORGET, f->n);
		run_for(MAIL_SQL_MESSAGE_FORGET, f->n);
	}
}

/* The messages behind number *after, which moves on.  *more: there are others behind them. */
static size_t read_finished(uint64_t *after, int64_t before_ms, struct finished list[BATCH],
			    bool *more)
{
	enum { S = MAIL_SQL_MESSAGES_FINISHED };
	struct db *db = store_db();
	int64_t now = wall_now().ms, today = wall_day((struct wall){now});
	size_t n = 0;

	*more = false;
	db_u64(db, S, *after);
	db_u64(db, S, BATCH);
	for (size_t rows = 0; db_step(db, S);) {
		struct finished *f = &list[n];
		bool has_bytes = db_get_i64(db, S, 2) > today;
		bool has_events = db_get_u64(db, S, 4) != 0;

		int64_t received = db_get_i64(db, S, 1);

		*more = ++rows == BATCH;
		f->n = *after = db_get_u64(db, S, 0);
		if (received > now)
			continue; /* the clock was set back since: nothing is told by it */
		if (received >= before_ms) {
			*more = false;
			break;
		}
		f->forget = db_get_u64(db, S, 3) != 0;
		f->drop = !has_bytes && !has_events;
		n++;
	}
	db_reset(db, S);
	return n;
}

static bool expire_metadata(uint64_t *after, int64_t before_ms)
{
	struct finished list[BATCH];
	bool more;
	size_t n = read_finished(after, before_ms, list, &more);

	for (size_t i = 0; i < n; i++)
		apply(&list[i]);
	return more;
}

bool retain_some(void)
{
	static uint64_t after;
	int64_t now = wall_now().ms;
	bool more;

	store_begin(false);
	run_for(MAIL_SQL_SUPPRESSIONS_EXPIRE, (uint64_t)now);
	more = expire_conversations(now);
	if (!more)
		more = expire_events(now - conf->retention_events_ms);
	if (!more)
		more = expire_metadata(&after, now - conf->retention_metadata_ms);
	if (!store_commit())
		more = false;
	if (!more)
		after = 0;
	return more;
}
