/*
 * migrate_test.c - each database of an older release becomes what a new one is, its rows kept,
 * whole or not at all.
 *
 * The old schemas are as they were released and never change.
 */
#include "common/db/db.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "control_sql.h"
#include "mail_sql.h"

static const char control_1[] =
	"CREATE TABLE orgs (\n"
	"id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
	"permalink TEXT NOT NULL UNIQUE,\n"
	"name TEXT NOT NULL,\n"
	"created INTEGER NOT NULL\n"
	") STRICT;\n"
	"CREATE TABLE servers (\n"
	"id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
	"org INTEGER NOT NULL REFERENCES orgs(id),\n"
	"permalink TEXT NOT NULL,\n"
	"name TEXT NOT NULL,\n"
	"created INTEGER NOT NULL,\n"
	"UNIQUE (org, permalink)\n"
	") STRICT;\n"
	"CREATE TABLE domains (\n"
	"id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
	"server INTEGER NOT NULL REFERENCES servers(id),\n"
	"name TEXT NOT NULL,\n"
	"verified INTEGER,\n"
	"selector TEXT NOT NULL,\n"
	"public_key BLOB NOT NULL,\n"
	"created INTEGER NOT NULL,\n"
	"UNIQUE (server, name)\n"
	") STRICT;\n"
	"CREATE TABLE credentials (\n"
	"id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
	"server INTEGER NOT NULL REFERENCES servers(id),\n"
	"type TEXT NOT NULL,\n"
	"name TEXT NOT NULL,\n"
	"hash BLOB NOT NULL UNIQUE,\n"
	"created INTEGER NOT NULL,\n"
	"UNIQUE (server, type, name)\n"
	") STRICT;\n"
	"INSERT INTO orgs VALUES (3, 'acme', 'acme', 1000);\n"
	"INSERT INTO servers VALUES (5, 3, 'mail', 'mail', 1001);\n"
	"INSERT INTO domains VALUES (7, 5, 'a.example', 1002, 'ph1', x'01', 1003);\n"
	"INSERT INTO credentials VALUES (9, 5, 'smtp', 'app', x'02', 1004);\n"
	"INSERT INTO credentials VALUES (11, 5, 'api', 'app', x'03', 1005);\n";

/* Version 2, behind control_1. */
static const char control_2[] =
	"ALTER TABLE orgs ADD COLUMN suspended INTEGER;\n"
	"ALTER TABLE orgs ADD COLUMN suspend_reason TEXT NOT NULL DEFAULT '';\n"
	"ALTER TABLE servers ADD COLUMN mode TEXT NOT NULL DEFAULT 'live';\n"
	"ALTER TABLE servers ADD COLUMN send_limit INTEGER NOT NULL DEFAULT 0;\n"
	"ALTER TABLE servers ADD COLUMN bytes_limit INTEGER NOT NULL DEFAULT 0;\n"
	"ALTER TABLE servers ADD COLUMN allow_sender INTEGER NOT NULL DEFAULT 0;\n"
	"ALTER TABLE servers ADD COLUMN privacy INTEGER NOT NULL DEFAULT 0;\n"
	"ALTER TABLE servers ADD COLUMN suspended INTEGER;\n"
	"ALTER TABLE servers ADD COLUMN suspend_reason TEXT NOT NULL DEFAULT '';\n"
	"ALTER TABLE credentials ADD COLUMN hold INTEGER NOT NULL DEFAULT 0;\n"
	"ALTER TABLE credentials ADD COLUMN cram BLOB;\n"
	"ALTER TABLE credentials ADD COLUMN network TEXT;\n"
	"CREATE INDEX credentials_cram ON credentials(server) WHERE cram IS NOT NULL;\n"
	"CREATE UNIQUE INDEX credentials_network ON credentials(network) "
	"WHERE network IS NOT NULL;\n"
	"INSERT INTO domains VALUES (8, 5, 'b.example', NULL, 'ph2', x'04', 1006);\n"
	"UPDATE servers SET mode = 'development', send_limit = 6;\n";

static const char mail_1[] =
	"CREATE TABLE messages (\n"
	"n INTEGER PRIMARY KEY,\n"
	"id TEXT NOT NULL UNIQUE,\n"
	"server INTEGER NOT NULL,\n"
	"credential INTEGER NOT NULL,\n"
	"sender TEXT NOT NULL,\n"
	"domain TEXT NOT NULL,\n"
	"size INTEGER NOT NULL,\n"
	"received INTEGER NOT NULL,\n"
	"open INTEGER NOT NULL,\n"
	"kept INTEGER\n"
	") STRICT;\n"
	"CREATE TABLE copies (\n"
	"id INTEGER PRIMARY KEY,\n"
	"message INTEGER NOT NULL REFERENCES messages(n),\n"
	"rcpt TEXT NOT NULL,\n"
	"state INTEGER NOT NULL,\n"
	"attempts INTEGER NOT NULL,\n"
	"next INTEGER NOT NULL,\n"
	"token TEXT NOT NULL,\n"
	"return_path TEXT NOT NULL,\n"
	"last TEXT NOT NULL DEFAULT ''\n"
	") STRICT;\n"
	"CREATE INDEX copies_message ON copies(message);\n"
	"CREATE INDEX copies_open ON copies(next) WHERE state < 3;\n"
	"CREATE TABLE events (\n"
	"seq INTEGER PRIMARY KEY AUTOINCREMENT,\n"
	"at INTEGER NOT NULL,\n"
	"type INTEGER NOT NULL,\n"
	"message INTEGER NOT NULL,\n"
	"copy INTEGER,\n"
	"data TEXT NOT NULL\n"
	") STRICT;\n"
	"CREATE INDEX events_message ON events(message);\n"
	"INSERT INTO messages VALUES (1, 'q1', 5, 9, 's@a.example', 'a.example', 10, 1000, 1, "
	"NULL);\n"
	"INSERT INTO copies VALUES (4, 1, 'r@b.example', 1, 2, 2000, 't', 'p@a.example', 'x');\n"
	"INSERT INTO events VALUES (8, 1000, 1, 1, 4, '{}');\n";

/* Version 2, behind mail_1. */
static const char mail_2[] =
	"ALTER TABLE messages ADD COLUMN tag TEXT NOT NULL DEFAULT '';\n"
	"ALTER TABLE messages ADD COLUMN stream TEXT NOT NULL DEFAULT '';\n"
	"ALTER TABLE messages ADD COLUMN metadata TEXT NOT NULL DEFAULT '';\n"
	"ALTER TABLE messages ADD COLUMN idempotency TEXT NOT NULL DEFAULT '';\n"
	"ALTER TABLE messages ADD COLUMN digest BLOB;\n"
	"ALTER TABLE messages ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;\n"
	"CREATE INDEX messages_unkept ON messages(n) WHERE open = 0 AND kept IS NULL;\n"
	"CREATE INDEX messages_idempotency ON messages(server, idempotency) "
	"WHERE idempotency <> '';\n"
	"DROP INDEX copies_open;\n"
	"CREATE INDEX copies_open ON copies(id) WHERE state < 3;\n"
	"ALTER TABLE copies ADD COLUMN hold TEXT NOT NULL DEFAULT '';\n"
	"ALTER TABLE copies ADD COLUMN flags INTEGER NOT NULL DEFAULT 0;\n"
	"CREATE TABLE suppressions (\n"
	"server INTEGER NOT NULL,\n"
	"address TEXT NOT NULL,\n"
	"reason TEXT NOT NULL,\n"
	"created INTEGER NOT NULL,\n"
	"expires INTEGER NOT NULL,\n"
	"PRIMARY KEY (server, address)\n"
	") STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE settings (\n"
	"name TEXT PRIMARY KEY,\n"
	"value TEXT NOT NULL\n"
	") STRICT, WITHOUT ROWID;\n"
	"INSERT INTO suppressions VALUES (5, 'r@b.example', 'manual', 1000, 0);\n";

/* The rows of version 1 as they must be after it, and what is in the columns that are new. */
static const struct kept {
	const char *query, *row;
} control_kept[] =
	{
		{"SELECT * FROM orgs", "3|acme|acme|1000|NULL||"},
		{"SELECT * FROM servers", "5|3|mail|mail|1001|live|0|0|0|0|NULL|||"},
		{"SELECT id, server, name, verified, created, checked, dkim_published, "
		 "return_path_ok, length(token) FROM domains",
		 "7|5|a.example|1002|1003|NULL|1|0|32|"},
		{"SELECT * FROM domain_keys", "1|7|ph1|rsa-sha256|\x01|active|1003|"},
		{"SELECT * FROM credentials", "9|5|smtp|app|\x02|1004|0|NULL|NULL|"
					      "11|5|api|app|\x03|1005|0|NULL|NULL|"},
		{"SELECT seq FROM sqlite_sequence ORDER BY seq", "3|5|7|11|"},
},
  control_2_kept[] =
	  {
		  {"SELECT * FROM servers", "5|3|mail|mail|1001|development|6|0|0|0|NULL|||"},
		  {"SELECT id, server, name, verified, created, checked, dkim_published, "
		   "return_path_ok, length(token) FROM domains",
		   "7|5|a.example|1002|1003|NULL|1|0|32|8|5|b.example|NULL|1006|NULL|0|0|32|"},
		  {"SELECT count(DISTINCT token) FROM domains", "2|"},
		  {"SELECT * FROM domain_keys", "1|7|ph1|rsa-sha256|\x01|active|1003|"
						"2|8|ph2|rsa-sha256|\x04|active|1006|"},
},
  mail_kept[] =
	  {
		  {"SELECT * FROM messages",
		   "1|q1|5|9|s@a.example|a.example|10|1000|1|NULL|||||NULL|0|"},
		  {"SELECT * FROM copies", "4|1|r@b.example|1|2|2000|t|p@a.example|x||0||"},
		  {"SELECT * FROM events", "8|1000|1|1|4|{}|"},
},
  mail_2_kept[] = {
	  {"SELECT * FROM messages", "1|q1|5|9|s@a.example|a.example|10|1000|1|NULL|||||NULL|0|"},
	  {"SELECT * FROM copies", "4|1|r@b.example|1|2|2000|t|p@a.example|x||0||"},
	  {"SELECT * FROM suppressions", "5|r@b.example|manual|1000|0|"},
};

static const struct database {
	const char *name, *old;
	const char *then; /* makes `old` version `from` */
	int from;
	const char *const *sql;
	size_t count, schema;
	int version;
	const struct kept *kept;
	size_t kept_count;
} databases[] = {
	{"control.sql", control_1, "", 1, control_sql, CONTROL_SQL_COUNT, CONTROL_SQL_SCHEMA, 3,
	 control_kept, ARRAY_LEN(control_kept)},
	{"control.sql 2", control_1, control_2, 2, control_sql, CONTROL_SQL_COUNT,
	 CONTROL_SQL_SCHEMA, 3, control_2_kept, ARRAY_LEN(control_2_kept)},
	{"mail.sql", mail_1, "", 1, mail_sql, MAIL_SQL_COUNT, MAIL_SQL_SCHEMA, 3, mail_kept,
	 ARRAY_LEN(mail_kept)},
	{"mail.sql 2", mail_1, mail_2, 2, mail_sql, MAIL_SQL_COUNT, MAIL_SQL_SCHEMA, 3, mail_2_kept,
	 ARRAY_LEN(mail_2_kept)},
};

/* All that makes two databases the same one: tables, columns, indexes. */
static const char *const shape[] = {
	"SELECT l.name, l.type, l.wr, l.strict, c.* FROM pragma_table_list l, "
	"pragma_table_xinfo(l.name) c WHERE l.name NOT LIKE 'sqlite%' ORDER BY l.name, c.cid",
	"SELECT m.name, m.tbl_name, m.sql, i.* FROM sqlite_schema m, pragma_index_xinfo(m.name) i "
	"WHERE m.type = 'index' ORDER BY m.name, i.seqno",
	"SELECT m.name, l.\"unique\", l.partial FROM sqlite_schema m, pragma_index_list(m.name) l "
	"ORDER BY m.name, l.name",
	"SELECT m.name, f.* FROM sqlite_schema m, pragma_foreign_key_list(m.name) f "
	"ORDER BY m.name, f.id",
	"PRAGMA user_version",
};

static char folder[] = "/tmp/migrate-test-XXXXXX";
static char error[512];

static sqlite3 *raw_open(const char *path)
{
	sqlite3 *h = NULL;

	assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
	return h;
}

static void make_old(const struct database *b)
{
	sqlite3 *h = raw_open("old.db");
	char pragma[64];

	assert_int_equal(sqlite3_exec(h, "PRAGMA journal_mode=WAL", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(h, b->old, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(h, b->then, NULL, NULL, NULL), SQLITE_OK);
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version=%d", b->from);
	assert_int_equal(sqlite3_exec(h, pragma, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(h);
}

static struct db *try_open(const struct database *b, const char *path, enum db_mode mode)
{
	error[0] = '\0';
	return db_open(path, mode, b->sql, b->count, b->schema, b->version, error, sizeof(error));
}

static void open_and_close(const struct database *b, const char *path)
{
	struct db *d = try_open(b, path, DB_WRITE);

	if (!d)
		fail_msg("%s: %s", b->name, error);
	db_close(&d);
}

static void add_rows(sqlite3 *h, const char *query, struct buf *out)
{
	sqlite3_stmt *s = NULL;
	int code;

	if (sqlite3_prepare_v2(h, query, -1, &s, NULL) != SQLITE_OK)
		fail_msg("%s: %s", query, sqlite3_errmsg(h));
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(s); i++) {
			const void *p = sqlite3_column_blob(s, i);
			bool null = sqlite3_column_type(s, i) == SQLITE_NULL;

			buf_add(out, span_of(p, (size_t)sqlite3_column_bytes(s, i)));
			buf_str(out, null ? "NULL|" : "|");
		}
	}
	assert_int_equal(code, SQLITE_DONE);
	sqlite3_finalize(s);
	assert_true(buf_ok(out));
}

static void add_shape(const char *path, struct buf *out)
{
	sqlite3 *h = raw_open(path);

	buf_init(out, 65536);
	for (size_t i = 0; i < ARRAY_LEN(shape); i++)
		add_rows(h, shape[i], out);
	sqlite3_close(h);
}

static void check_kept(const struct database *b)
{
	sqlite3 *h = raw_open("old.db");
	struct buf rows;

	for (size_t i = 0; i < b->kept_count; i++) {
		buf_init(&rows, 4096);
		add_rows(h, b->kept[i].query, &rows);
		if (!span_eq_str(buf_span(&rows), b->kept[i].row))
			fail_msg("%s: %s: %.*s", b->name, b->kept[i].query,
				 SPAN_FMT(buf_span(&rows)));
		buf_done(&rows);
	}
	sqlite3_close(h);
}

static void remove_files(void)
{
	static const char *const files[] = {"old.db", "old.db-wal", "old.db-shm",
					    "new.db", "new.db-wal", "new.db-shm"};

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		unlink(files[i]);
}

static void test_an_older_database_becomes_what_a_new_one_is(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(databases); i++) {
		struct buf migrated, fresh;

		make_old(&databases[i]);
		open_and_close(&databases[i], "old.db");
		open_and_close(&databases[i], "new.db");
		add_shape("old.db", &migrated);
		add_shape("new.db", &fresh);
		if (!span_eq(buf_span(&migrated), buf_span(&fresh)))
			fail_msg("%s\n%.*s\n%.*s", databases[i].name, SPAN_FMT(buf_span(&migrated)),
				 SPAN_FMT(buf_span(&fresh)));
		check_kept(&databases[i]);
		open_and_close(&databases[i], "old.db"); /* once is enough */
		check_kept(&databases[i]);
		buf_done(&migrated);
		buf_done(&fresh);
		remove_files();
	}
}

static void test_a_reader_waits_for_the_upgrade(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(databases); i++) {
		struct db *d;

		make_old(&databases[i]);
		assert_null(try_open(&databases[i], "old.db", DB_READ));
		if (!strstr(error, "needs") || !strstr(error, "; start the instance"))
			fail_msg("%s", error);
		open_and_close(&databases[i], "old.db");
		d = try_open(&databases[i], "old.db", DB_READ);
		assert_non_null(d);
		db_close(&d);
		remove_files();
	}
}

/* Killed in front of each call by which SQLite changes something. */

static int calls_left;

static void count_down(void)
{
	if (calls_left-- == 0)
		_exit(9);
}

static ssize_t counted_pwrite(int fd, const void *p, size_t n, off_t at)
{
	count_down();
	return pwrite(fd, p, n, at);
}

static ssize_t counted_write(int fd, const void *p, size_t n)
{
	count_down();
	return write(fd, p, n);
}

static int counted_open(const char *path, int flags, int mode)
{
	count_down();
	return open(path, flags | O_CLOEXEC, mode);
}

static int counted_truncate(int fd, off_t n)
{
	count_down();
	return ftruncate(fd, n);
}

static int counted_unlink(const char *path)
{
	count_down();
	return unlink(path);
}

static int counted_close(int fd)
{
	count_down();
	return close(fd);
}

static void count_calls(int n)
{
	static const struct {
		const char *name;
		sqlite3_syscall_ptr call;
	} calls[] = {
		{"pwrite", (sqlite3_syscall_ptr)counted_pwrite},
		{"pwrite64", (sqlite3_syscall_ptr)counted_pwrite},
		{"write", (sqlite3_syscall_ptr)counted_write},
		{"open", (sqlite3_syscall_ptr)counted_open},
		{"ftruncate", (sqlite3_syscall_ptr)counted_truncate},
		{"unlink", (sqlite3_syscall_ptr)counted_unlink},
		{"close", (sqlite3_syscall_ptr)counted_close},
	};
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");

	calls_left = n;
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		vfs->xSetSystemCall(vfs, calls[i].name, calls[i].call);
}

static int version_of(const char *path)
{
	sqlite3 *h = raw_open(path);
	struct buf b;
	uint64_t v = 0;

	buf_init(&b, 64);
	add_rows(h, "PRAGMA user_version", &b);
	assert_int_equal(span_u64(span_head(buf_span(&b), 1), 9, &v), 0);
	buf_done(&b);
	sqlite3_close(h);
	return (int)v;
}

/* True when the upgrade was killed at its call number n. */
static bool killed_at(const struct database *b, int n)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct db *d;

		count_calls(n);
		d = try_open(b, "old.db", DB_WRITE);
		_exit(d ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 9));
	return WEXITSTATUS(status) == 9;
}

static void test_an_upgrade_that_is_killed_leaves_one_version_whole(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(databases); i++) {
		const struct database *b = &databases[i];
		struct buf fresh, mended;
		int n, before = 0;

		open_and_close(b, "new.db");
		add_shape("new.db", &fresh);
		for (n = 0;; n++) {
			make_old(b);
			if (!killed_at(b, n))
				break;
			before += version_of("old.db") == b->from;
			open_and_close(b, "old.db");
			check_kept(b);
			add_shape("old.db", &mended);
			assert_true(span_eq(buf_span(&mended), buf_span(&fresh)));
			buf_done(&mended);
			unlink("old.db");
			unlink("old.db-wal");
			unlink("old.db-shm");
		}
		if (n < 10 || before < 5)
			fail_msg("%s: killed %d times, %d before the commit", b->name, n, before);
		buf_done(&fresh);
		remove_files();
	}
}

static int setup(void **state UNUSED)
{
	umask(027);
	return !mkdtemp(folder) || chdir(folder) != 0;
}

static int teardown(void **state UNUSED)
{
	remove_files();
	return chdir("/") != 0 || rmdir(folder) != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_older_database_becomes_what_a_new_one_is),
		cmocka_unit_test(test_a_reader_waits_for_the_upgrade),
		cmocka_unit_test(test_an_upgrade_that_is_killed_leaves_one_version_whole),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
