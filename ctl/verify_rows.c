/*
 * verify_rows.c - mail.db: its own consistency, and the file of each row.
 */
#include <stdio.h>
#include <unistd.h>

#include "common/db/db.h"
#include "common/spool/ids.h"
#include "mail_sql.h"

#include "ctl/verify.h"

static const char db_path[] = "mail/mail.db";

/* Ends a list of rows; a database that cannot be read is a finding, too. */
static void end(struct verify *f)
{
	struct db *d = mailview_db(f->v);

	if (!db_error(d))
		return;
	verify_add(f, FINDING_DATABASE, db_error_text(d), "%s", db_path);
	db_rollback(d);
}

static void check_integrity(struct verify *f)
{
	size_t s = f->deep ? MAIL_SQL_VERIFY_DEEP : MAIL_SQL_VERIFY_QUICK;
	struct db *d = mailview_db(f->v);

	while (db_step(d, s)) {
		struct span line = db_get_text(d, s, 0);
		char text[256];

		if (span_eq_str(line, "ok"))
			continue;
		snprintf(text, sizeof(text), "%.*s", SPAN_FMT(span_head(line, 200)));
		verify_add(f, FINDING_DATABASE, text, "%s", db_path);
	}
	end(f);
}

/* Statements whose rows are all findings: two numbers or an id and two numbers. */
static void check_list(struct verify *f, size_t stmt, enum finding what, const char *name)
{
	struct db *d = mailview_db(f->v);
	char detail[96];

	while (db_step(d, stmt)) {
		snprintf(detail, sizeof(detail), "%.*s", SPAN_FMT(db_get_text(d, stmt, 1)));
		verify_add(f, what, detail, "%s %.*s", name, SPAN_FMT(db_get_text(d, stmt, 0)));
	}
	end(f);
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static void check_open_file(struct verify *f, const char *id)
{
	char path[SPOOL_PATH_SIZE], corrupt[SPOOL_PATH_SIZE];
	struct qid q;

	if (qid_parse(span_str(id), &q) != 0) {
		verify_add(f, FINDING_STATE, "it has no queue id", "message %s", id);
		return;
	}
	spool_path_cur(&q, path);
	if (exists(path))
		return;
	spool_path_new(SPOOL_NEW_SMTPD, &q, path);
	snprintf(corrupt, sizeof(corrupt), SPOOL_CORRUPT "/%s", q.s);
	if (!exists(path) && !exists(corrupt))
		verify_add(f, FINDING_NO_FILE, "", "message %s", id);
}

static void check_kept_file(struct verify *f, const char *id, int64_t day)
{
	char path[SPOOL_PATH_SIZE];
	struct qid q;

	if (qid_parse(span_str(id), &q) != 0)
		return;
	spool_path_kept(day, &q, path);
	if (!exists(path))
		verify_add(f, FINDING_NOT_KEPT, path, "message %s", id);
}

static void check_files(struct verify *f)
{
	enum { S = MAIL_SQL_VERIFY_OPEN, K = MAIL_SQL_VERIFY_KEPT };
	struct db *d = mailview_db(f->v);
	uint64_t last, after = 0;
	char id[64];

	do {
		last = after;
		db_u64(d, S, after);
		while (db_step(d, S)) {
			after = db_get_u64(d, S, 0);
			snprintf(id, sizeof(id), "%.*s",
				 SPAN_FMT(span_head(db_get_text(d, S, 1), 40)));
			check_open_file(f, id);
		}
	} while (after != last);
	end(f);
	after = 0;
	do {
		last = after;
		db_u64(d, K, after);
		db_i64(d, K, wall_day(wall_now()));
		while (db_step(d, K)) {
			after = db_get_u64(d, K, 0);
			snprintf(id, sizeof(id), "%.*s",
				 SPAN_FMT(span_head(db_get_text(d, K, 1), 40)));
			check_kept_file(f, id, db_get_i64(d, K, 2));
		}
	} while (after != last);
	end(f);
}

static void check_counter(struct verify *f)
{
	enum { S = MAIL_SQL_VERIFY_COPY_MAX };
	struct db *d = mailview_db(f->v);
	char detail[96];

	db_u64(d, S, SUBMITTER_SMTPD);
	if (f->counter && db_step(d, S) && db_get_u64(d, S, 0) / 4 >= f->counter) {
		snprintf(detail, sizeof(detail), "copy %llu, and the counter is at %llu",
			 (unsigned long long)db_get_u64(d, S, 0), (unsigned long long)f->counter);
		verify_add(f, FINDING_COUNTER, detail, SPOOL_NEW_SMTPD "/counter");
	}
	db_reset(d, S);
	end(f);
}

void verify_rows(struct verify *f)
{
	check_integrity(f);
	check_list(f, MAIL_SQL_VERIFY_COUNTS, FINDING_OPEN_COUNT, "message");
	check_list(f, MAIL_SQL_VERIFY_ORPHAN_COPIES, FINDING_ORPHAN, "copy");
	check_list(f, MAIL_SQL_VERIFY_ORPHAN_EVENTS, FINDING_ORPHAN, "event");
	check_list(f, MAIL_SQL_VERIFY_STATES, FINDING_STATE, "copy");
	check_files(f);
	check_counter(f);
}
