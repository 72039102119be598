/*
 * suppress.c - the suppression list; its rows are looked at before every attempt.
 */
#include <stdio.h>

#include "common/db/db.h"
#include "queued/store.h"
#include "mail_sql.h"

static bool any; /* false: the list is empty, nobody need be looked up */

void suppress_init(void)
{
	struct db *db = store_db();

	any = db_step(db, MAIL_SQL_SUPPRESSION_ANY) || db_error(db);
	db_reset(db, MAIL_SQL_SUPPRESSION_ANY);
}

static size_t lower(struct span address, uint8_t out[LIMIT_ADDR])
{
	size_t n = size_min(address.n, LIMIT_ADDR);

	if (n)
		memcpy(out, address.p, n);
	ascii_lower_all(out, n);
	return n;
}

int suppress_find(uint64_t server, const char *address, struct suppression *out)
{
	enum { S = MAIL_SQL_SUPPRESSION_FIND };
	struct db *db = store_db();
	uint8_t key[LIMIT_ADDR];
	bool found;

	if (!any)
		return -ENOENT;
	db_u64(db, S, server);
	db_text(db, S, span_of(key, lower(span_str(address), key)));
	db_i64(db, S, wall_now().ms);
	found = db_step(db, S);
	if (found) {
		struct span reason = span_head(db_get_text(db, S, 0), SUPPRESSION_REASON_MAX);

		snprintf(out->reason, sizeof(out->reason), "%.*s", SPAN_FMT(reason));
		out->created.ms = db_get_i64(db, S, 1);
		out->expires.ms = db_get_i64(db, S, 2);
	}
	db_reset(db, S);
	if (!found && db_error(db)) {
		store_failed();
		return -EIO;
	}
	return found ? 0 : -ENOENT;
}

void suppress_put(uint64_t server, struct span address, const struct suppression *s)
{
	enum { S = MAIL_SQL_SUPPRESSION_PUT };
	struct db *db = store_db();
	uint8_t key[LIMIT_ADDR];

	db_u64(db, S, server);
	db_text(db, S, span_of(key, lower(address, key)));
	db_text(db, S, span_str(s->reason));
	db_i64(db, S, s->created.ms);
	db_i64(db, S, s->expires.ms);
	db_run(db, S);
	any = true;
}

bool suppress_remove(uint64_t server, struct span address)
{
	enum { S = MAIL_SQL_SUPPRESSION_DELETE };
	struct db *db = store_db();
	uint8_t key[LIMIT_ADDR];

	db_u64(db, S, server);
	db_text(db, S, span_of(key, lower(address, key)));
	db_run(db, S);
	return db_changes(db) > 0;
}
