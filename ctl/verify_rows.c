/*
 * verify_rows.c - mail.db: its own consistency, and the file of each row.
 */
#include <stdio.h>
#include <sys/stat.h>
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

/* True also when it cannot be found out: that is told once. */
static bool exists(struct verify *f, const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0)
		return true;
	if (errno == ENOENT || errno == ENOTDIR)
		return false;
	verify_unread(f, path, errno);
	return true;
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
	if (exists(f, path))
		return;
	spool_path_new(SPOOL_NEW_SMTPD, &q, path);
	snprintf(corrupt, sizeof(corrupt), SPOOL_CORRUPT "/%s", q.s);
	if (!exists(f, path) && !exists(f, corrupt))
		verify_add(f, FINDING_NO_FILE, "", "message %s", id);
}

static void check_kept_file(struct verify *f, const char *id, int64_t day)
{
	char path[SPOOL_PATH_SIZE];
	struct qid q;

	if (qid_parse(span_str(id), &q) != 0)
		return;
	spool_path_kept(day, &q, path);
	if (!exists(f, path))
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

/* The counter is read after the greatest id: while we look smtpd deals more. */
static void check_counter(struct verify *f)
{
	enum { S = MAIL_SQL_VERIFY_COPY_MAX };
	struct db *d = mailview_db(f->v);
	uint64_t copy = 0, counter = 0;
	char detail[96], text[32];
	ssize_t n;

	db_u64(d, S, SUBMITTER_SMTPD);
	if (db_step(d, S))
		copy = db_get_u64(d, S, 0);
	db_reset(d, S);
	end(f);
	n = f->counter_fd >= 0 ? pread(f->counter_fd, text, sizeof(text), 0) : 0;
	if (n <= 0)
		return; /* it begins anew, above all that were dealt */
	if (span_u64(span_of(text, (size_t)n - 1), INT64_MAX, &counter) != 0)
		snprintf(detail, sizeof(detail), "it holds no number");
	else if (copy / 4 >= counter)
		snprintf(detail, sizeof(detail), "copy %llu, and the counter is at %llu",
			 (unsigned long long)copy, (unsigned long long)counter);
	else
		return;
	verify_add(f, FINDING_COUNTER, detail, SPOOL_NEW_SMTPD "/counter");
}

static bool is_lower(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (ascii_lower(s.p[i]) != s.p[i])
			return false;
	return true;
}

static void check_suppression(struct verify *f)
{
	enum { S = MAIL_SQL_SUPPRESSIONS_AFTER };
	struct db *d = mailview_db(f->v);
	struct span address = db_get_text(d, S, 1);
	const char *detail = NULL;
	struct addr a;
	int err = addr_parse(address, &a);

	if (err)
		detail = addr_error(err);
	else if (!is_lower(address))
		detail = "its address has capitals, and is never found";
	else if (db_get_i64(d, S, 3) < 0 || db_get_i64(d, S, 4) < 0)
		detail = "a time below 0";
	if (detail)
		verify_add(f, FINDING_SUPPRESSION, detail, "server %llu, %.*s",
			   (unsigned long long)db_get_u64(d, S, 0),
			   SPAN_FMT(span_head(address, LIMIT_ADDR)));
}

static void check_suppressions(struct verify *f)
{
	enum { S = MAIL_SQL_SUPPRESSIONS_AFTER, PAGE = 500 };
	struct db *d = mailview_db(f->v);
	char after[1024] = "";
	uint64_t server = 0;
	size_t n;

	do {
		n = 0;
		db_u64(d, S, server);
		db_text(d, S, span_str(after));
		db_i64(d, S, -1);
		db_u64(d, S, PAGE);
		while (db_step(d, S)) {
			check_suppression(f);
			server = db_get_u64(d, S, 0);
			snprintf(after, sizeof(after), "%.*s", SPAN_FMT(db_get_text(d, S, 1)));
			n++;
		}
	} while (n == PAGE);
	end(f);
}

void verify_rows(struct verify *f)
{
	if (!f->v)
		return;
	check_integrity(f);
	check_list(f, MAIL_SQL_VERIFY_COUNTS, FINDING_OPEN_COUNT, "message");
	check_list(f, MAIL_SQL_VERIFY_ORPHAN_COPIES, FINDING_ORPHAN, "copy");
	check_list(f, MAIL_SQL_VERIFY_ORPHAN_EVENTS, FINDING_ORPHAN, "event");
	check_list(f, MAIL_SQL_VERIFY_STATES, FINDING_STATE, "copy");
	check_suppressions(f);
	check_files(f);
	check_counter(f);
}
