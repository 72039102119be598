#include "common/db/db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { VERSION = 3, NOBODY = 65534 };

enum {
	SCHEMA,
	TO_2,
	TO_3,
	TO_4,
	INSERT,
	ALL,
	BY_ID,
	COUNT,
	CHILD,
	RETURNING,
	SYNCHRONOUS,
	FOREIGN_KEYS,
	JOURNAL,
	NONSENSE,
	STATEMENTS
};

static const char *const sql[STATEMENTS] = {
	[SCHEMA] = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, data BLOB, "
		   "n INTEGER CHECK (n <> 13)) STRICT;\n"
		   "CREATE TABLE child (t INTEGER NOT NULL REFERENCES t(id)) STRICT;\n",
	[TO_2] = "a new file takes no steps: this one would fail",
	[TO_3] = "so would this",
	[TO_4] = "CREATE TABLE half (n INTEGER) STRICT; CREATE TABLE t (n INTEGER) STRICT",
	[INSERT] = "INSERT INTO t(id, name, data, n) VALUES (?, ?, ?, ?)",
	[ALL] = "SELECT id, name, data, n FROM t ORDER BY id",
	[BY_ID] = "SELECT name FROM t WHERE id = ?",
	[COUNT] = "SELECT count(*) FROM t",
	[CHILD] = "INSERT INTO child(t) VALUES (?)",
	[RETURNING] = "UPDATE t SET n = n + 1 WHERE id = ? RETURNING n",
	[SYNCHRONOUS] = "PRAGMA synchronous",
	[FOREIGN_KEYS] = "PRAGMA foreign_keys",
	[JOURNAL] = "PRAGMA journal_mode",
	[NONSENSE] = "SELECT 1 FROM nowhere",
};

enum { SYNC_NORMAL = 1, SYNC_FULL = 2 };

static char folder[] = "/tmp/db-test-XXXXXX";
static char error[256];

static struct db *try_open(const char *path, enum db_mode mode, int version)
{
	error[0] = '\0';
	return db_open(path, mode, sql, STATEMENTS, SCHEMA, version, error, sizeof(error));
}

static struct db *open_for(enum db_mode mode)
{
	struct db *d = try_open("t.db", mode, VERSION);

	if (!d)
		fail_msg("%s", error);
	return d;
}

static void insert(struct db *d, uint64_t id, const char *name, int64_t n)
{
	db_u64(d, INSERT, id);
	db_text(d, INSERT, span_str(name));
	db_blob(d, INSERT, SPAN_LIT("a\0b"));
	db_i64(d, INSERT, n);
	db_run(d, INSERT);
}

static uint64_t number(struct db *d, size_t stmt)
{
	assert_true(db_step(d, stmt));
	uint64_t v = db_get_u64(d, stmt, 0);
	db_reset(d, stmt);
	return v;
}

static void test_a_new_file_has_the_schema_and_our_settings(void **state UNUSED)
{
	struct db *d = open_for(DB_WRITE);
	struct stat st;

	assert_int_equal(number(d, COUNT), 0);
	assert_int_equal(number(d, SYNCHRONOUS), SYNC_FULL);
	assert_int_equal(number(d, FOREIGN_KEYS), 1);
	assert_true(db_step(d, JOURNAL));
	assert_true(span_eq_str(db_get_text(d, JOURNAL, 0), "wal"));
	db_reset(d, JOURNAL);
	assert_int_equal(db_error(d), 0);
	assert_int_equal(stat("t.db", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	db_close(&d);
	assert_null(d);
	db_close(&d);
	d = open_for(DB_WRITE); /* there already: nothing is made again */
	db_close(&d);
}

static const struct {
	uint64_t id;
	struct span name, data;
	int64_t n;
} rows[] = {
	{1, SPAN_LIT("plain"), SPAN_LIT("data"), 0},
	{2, SPAN_LIT(""), SPAN_LIT(""), -1},
	{3, SPAN_LIT("x'; DROP TABLE t; --"), SPAN_LIT("\0\xff\0"), INT64_MIN},
	{INT64_MAX, SPAN_LIT("\xc3\xbc"), SPAN_LIT("\n"), INT64_MAX},
};

static void test_what_is_bound_is_got(void **state UNUSED)
{
	struct db *d = open_for(DB_WRITE);

	db_begin(d, true);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		db_u64(d, INSERT, rows[i].id);
		db_text(d, INSERT, rows[i].name);
		db_blob(d, INSERT, rows[i].data);
		db_i64(d, INSERT, rows[i].n);
		db_run(d, INSERT);
		assert_int_equal(db_last_id(d), rows[i].id);
		assert_int_equal(db_changes(d), 1);
	}
	assert_int_equal(db_commit(d), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(db_step(d, ALL));
		assert_int_equal(db_get_u64(d, ALL, 0), rows[i].id);
		assert_true(span_eq(db_get_text(d, ALL, 1), rows[i].name));
		assert_true(span_eq(db_get_text(d, ALL, 2), rows[i].data));
		assert_true(db_get_i64(d, ALL, 3) == rows[i].n);
		assert_false(db_get_is_null(d, ALL, 2));
		assert_int_equal(db_get_u64(d, ALL, 3), rows[i].n < 0 ? 0 : rows[i].n);
	}
	assert_false(db_step(d, ALL));
	assert_true(db_step(d, ALL)); /* it was reset: from the beginning again */
	assert_int_equal(db_get_u64(d, ALL, 0), 1);
	db_reset(d, ALL);
	db_close(&d);
}

static void test_null_is_bound_and_seen(void **state UNUSED)
{
	struct db *d = open_for(DB_WRITE);

	db_u64(d, INSERT, 1);
	db_text(d, INSERT, SPAN_LIT("a"));
	db_null(d, INSERT);
	db_null(d, INSERT);
	db_run(d, INSERT);
	assert_true(db_step(d, ALL));
	assert_true(db_get_is_null(d, ALL, 2));
	assert_int_equal(db_get_text(d, ALL, 2).n, 0);
	assert_int_equal(db_get_u64(d, ALL, 3), 0);
	db_reset(d, ALL);
	db_close(&d);
}

static void test_a_reset_in_the_middle_forgets_what_was_bound(void **state UNUSED)
{
	struct db *d = open_for(DB_WRITE);

	insert(d, 1, "one", 1);
	insert(d, 2, "two", 2);
	db_u64(d, BY_ID, 1);
	assert_true(db_step(d, BY_ID));
	db_reset(d, BY_ID);
	db_u64(d, BY_ID, 2);
	assert_true(db_step(d, BY_ID));
	assert_true(span_eq_str(db_get_text(d, BY_ID, 0), "two"));
	assert_false(db_step(d, BY_ID));
	db_u64(d, RETURNING, 2);
	db_run(d, RETURNING); /* gives a row; the next use begins anew */
	db_u64(d, RETURNING, 2);
	assert_true(db_step(d, RETURNING));
	assert_int_equal(db_get_u64(d, RETURNING, 0), 4);
	db_reset(d, RETURNING);
	db_close(&d);
}

/* conflicts and errors */

static const struct {
	const char *name;
	uint64_t id, child;
	const char *text;
	int64_t n;
	bool conflict; /* else it sticks: our own bug */
} refused[] = {
	{"the primary key is there", 1, 0, "new", 1, true},
	{"the unique name is there", 9, 0, "one", 1, true},
	{"the parent is not there", 0, 4711, NULL, 0, true},
	{"a check is broken", 9, 0, "new", 13, false},
};

static void refuse(struct db *d, size_t i)
{
	if (refused[i].child) {
		db_u64(d, CHILD, refused[i].child);
		db_run(d, CHILD);
	} else {
		insert(d, refused[i].id, refused[i].text, refused[i].n);
	}
}

static void test_a_conflict_does_not_stick_and_loses_nothing(void **state UNUSED)
{
	struct db *d = open_for(DB_WRITE);

	insert(d, 1, "one", 1);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		if (!refused[i].conflict)
			continue;
		db_begin(d, true);
		insert(d, 100 + i, refused[i].name, 1);
		assert_false(db_conflict(d));
		refuse(d, i);
		if (!db_conflict(d) || db_error(d))
			fail_msg("%s", refused[i].name);
		db_u64(d, BY_ID, 100 + i);
		assert_true(db_step(d, BY_ID));
		assert_false(db_conflict(d));
		db_reset(d, BY_ID);
		assert_int_equal(db_commit(d), 0);
	}
	assert_int_equal(number(d, COUNT), 4);
	db_close(&d);
}

static void test_other_constraints_stick(void **state UNUSED)
{
	struct db *d = open_for(DB_WRITE);

	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		if (refused[i].conflict)
			continue;
		db_begin(d, true);
		insert(d, 100 + i, "fine", 1);
		refuse(d, i);
		assert_false(db_conflict(d));
		assert_int_equal(db_commit(d), -EIO);
		db_rollback(d);
	}
	db_begin(d, true);
	db_u64(d, INSERT, 1);
	db_null(d, INSERT); /* name is NOT NULL */
	db_null(d, INSERT);
	db_null(d, INSERT);
	db_run(d, INSERT);
	assert_false(db_conflict(d));
	assert_int_equal(db_commit(d), -EIO);
	db_rollback(d);
	assert_int_equal(number(d, COUNT), 0);
	db_close(&d);
}

static void test_an_error_sticks_until_rollback(void **state UNUSED)
{
	struct db *d = open_for(DB_WRITE);

	db_begin(d, true);
	insert(d, 1, "one", 1);
	assert_false(db_step(d, NONSENSE));
	assert_int_not_equal(db_error(d), 0);
	if (!strstr(db_error_text(d), "nowhere"))
		fail_msg("%s", db_error_text(d));
	insert(d, 2, "two", 2); /* nothing happens any more */
	assert_false(db_step(d, COUNT));
	assert_int_equal(db_commit(d), -EIO);
	assert_int_not_equal(db_error(d), 0);
	db_rollback(d);
	assert_int_equal(db_error(d), 0);
	assert_int_equal(number(d, COUNT), 0);
	db_begin(d, true);
	insert(d, 3, "three", 3);
	assert_int_equal(db_commit(d), 0);
	assert_int_equal(number(d, COUNT), 1);
	db_close(&d);
}

static void test_rollback_undoes_and_rolling_back_nothing_is_harmless(void **state UNUSED)
{
	struct db *d = open_for(DB_WRITE);

	db_rollback(d);
	db_begin(d, false);
	insert(d, 1, "one", 1);
	db_u64(d, INSERT, 2); /* half bound */
	db_rollback(d);
	assert_int_equal(number(d, COUNT), 0);
	db_begin(d, true);
	insert(d, 1, "one", 1);
	assert_int_equal(db_commit(d), 0);
	db_rollback(d);
	assert_int_equal(number(d, COUNT), 1);
	db_close(&d);
}

/* Two transactions after one another: the first as given, then one that must be durable. */
static const struct {
	const char *name;
	bool durable, fails_before;
} firsts[] = {
	{"a durable one", true, false},
	{"a relaxed one", false, false},
	{"a durable one that fails from its start", true, true},
	{"a relaxed one that fails from its start", false, true},
};

static void test_a_durable_transaction_is_flushed_whatever_was_before(void **state UNUSED)
{
	for (size_t i = 0; i < 2 * ARRAY_LEN(firsts); i++) {
		bool relaxed_before = i % 2;
		size_t k = i / 2;
		struct db *d = open_for(DB_WRITE);

		db_begin(d, !relaxed_before);
		assert_int_equal(number(d, SYNCHRONOUS), relaxed_before ? SYNC_NORMAL : SYNC_FULL);
		assert_int_equal(db_commit(d), 0);
		if (firsts[k].fails_before)
			db_run(d, NONSENSE);
		db_begin(d, firsts[k].durable);
		assert_int_equal(db_commit(d), firsts[k].fails_before ? -EIO : 0);
		db_rollback(d);
		db_begin(d, true);
		if (number(d, SYNCHRONOUS) != SYNC_FULL)
			fail_msg("after %s, after a %s one", firsts[k].name,
				 relaxed_before ? "relaxed" : "durable");
		assert_int_equal(db_commit(d), 0);
		db_close(&d);
	}
}

/* files */

static void test_a_reader_sees_the_wal_while_and_after_the_writer(void **state UNUSED)
{
	struct db *w = open_for(DB_WRITE), *r = open_for(DB_READ);

	assert_int_equal(number(r, COUNT), 0);
	db_begin(w, true);
	insert(w, 1, "one", 1);
	assert_int_equal(number(r, COUNT), 0);
	assert_int_equal(db_commit(w), 0);
	assert_int_equal(number(r, COUNT), 1);
	db_close(&r);
	db_close(&w);
	/* both files are still there, so that one who may not make them can read */
	assert_int_equal(access("t.db-wal", F_OK), 0);
	assert_int_equal(access("t.db-shm", F_OK), 0);
	r = open_for(DB_READ);
	assert_int_equal(number(r, COUNT), 1);
	insert(r, 2, "two", 2);
	assert_int_not_equal(db_error(r), 0); /* may not write */
	db_close(&r);
}

static void test_a_checkpoint_moves_what_was_written(void **state UNUSED)
{
	struct db *w = open_for(DB_WRITE), *m;

	insert(w, 1, "one", 1);
	m = db_open("t.db", DB_MAINTAIN, NULL, 0, 0, 0, error, sizeof(error));
	assert_non_null(m);
	assert_in_range(db_checkpoint(m), 1, 100);
	db_close(&m);
	assert_int_equal(number(w, COUNT), 1);
	db_close(&w);
}

static const struct {
	const char *path;
	enum db_mode mode;
	int version;
	const char *says;
} unopened[] = {
	{"t.db", DB_WRITE, VERSION - 1, "its schema has version 3, this program knows 2: a newer"},
	{"t.db", DB_READ, VERSION - 1, "its schema has version 3, this program knows 2: a newer"},
	{"t.db", DB_READ, VERSION + 1, "its schema has version 3, this program needs 4; start"},
	{"t.db", DB_WRITE, VERSION + 1, "table t already exists"},
	{"t.db", DB_READ, VERSION + 1, "its schema has version 3, this program needs 4; start"},
	{"missing.db", DB_READ, VERSION, "unable to open"},
	{"missing.db", DB_MAINTAIN, VERSION, "unable to open"},
	{"missing/t.db", DB_WRITE, VERSION, "unable to open"},
	{"text", DB_WRITE, VERSION, "not a database"},
	{"text", DB_READ, VERSION, "not a database"},
	{"empty", DB_READ, VERSION, "its schema has version 0, this program needs 3"},
};

static void make(const char *path, struct span text)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_int_equal(write(fd, text.p, text.n), text.n);
}

static void test_what_cannot_be_opened_says_why(void **state UNUSED)
{
	static char text[4096];
	struct db *d = open_for(DB_WRITE);

	db_close(&d);
	memset(text, 'x', sizeof(text));
	make("text", span_of(text, sizeof(text)));
	make("empty", span_of(NULL, 0));
	for (size_t i = 0; i < ARRAY_LEN(unopened); i++) {
		d = try_open(unopened[i].path, unopened[i].mode, unopened[i].version);
		if (d || !strstr(error, unopened[i].says) || !strstr(error, unopened[i].path))
			fail_msg("%s: %s", unopened[i].path, d ? "opened" : error);
	}
	assert_int_equal(access("missing.db", F_OK), -1);
	assert_int_equal(unlink("text"), 0);
	assert_int_equal(unlink("empty"), 0);
	d = open_for(DB_WRITE); /* unharmed by those of other versions */
	db_close(&d);
}

/* As one who may not look at the folder above: writes, closes, reads. */
static int write_and_read(void)
{
	char buf[4096];
	struct db *d;
	bool found;

	if (getuid() == 0 && (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY)))
		return 77;
	if (open("../beside", O_RDONLY) >= 0 || realpath("t.db", buf))
		return 77; /* nothing keeps us from looking */
	d = try_open("t.db", DB_WRITE, VERSION);
	if (!d)
		return 1;
	db_begin(d, true);
	insert(d, 1, "one", 1);
	if (db_commit(d) != 0)
		return 2;
	db_close(&d);
	d = try_open("t.db", DB_READ, VERSION);
	found = d && db_step(d, COUNT) && db_get_u64(d, COUNT, 0) == 1;
	return found ? 0 : 3;
}

static void test_a_working_folder_below_one_that_may_not_be_searched(void **state UNUSED)
{
	int status;
	pid_t child;

	assert_true(mkdir("above", 0700) == 0 && mkdir("above/inner", 0700) == 0);
	assert_true(getuid() != 0 || chown("above/inner", NOBODY, NOBODY) == 0);
	child = fork();
	if (child == 0) {
		if (chdir("above/inner") != 0 || chmod("..", 0) != 0)
			_exit(4);
		_exit(write_and_read());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(chmod("above", 0700), 0);
	unlink("above/inner/t.db");
	unlink("above/inner/t.db-wal");
	unlink("above/inner/t.db-shm");
	assert_true(rmdir("above/inner") == 0 && rmdir("above") == 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

static int remove_files(void **state UNUSED)
{
	unlink("t.db");
	unlink("t.db-wal");
	unlink("t.db-shm");
	return 0;
}

static int setup(void **state UNUSED)
{
	umask(027);
	return !mkdtemp(folder) || chmod(folder, 0755) != 0 || chdir(folder) != 0;
}

static int teardown(void **state UNUSED)
{
	return chdir("/") != 0 || rmdir(folder) != 0;
}

#define WITH_FILE(t) cmocka_unit_test_teardown(t, remove_files)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FILE(test_a_new_file_has_the_schema_and_our_settings),
		WITH_FILE(test_what_is_bound_is_got),
		WITH_FILE(test_null_is_bound_and_seen),
		WITH_FILE(test_a_reset_in_the_middle_forgets_what_was_bound),
		WITH_FILE(test_a_conflict_does_not_stick_and_loses_nothing),
		WITH_FILE(test_other_constraints_stick),
		WITH_FILE(test_an_error_sticks_until_rollback),
		WITH_FILE(test_rollback_undoes_and_rolling_back_nothing_is_harmless),
		WITH_FILE(test_a_durable_transaction_is_flushed_whatever_was_before),
		WITH_FILE(test_a_reader_sees_the_wal_while_and_after_the_writer),
		WITH_FILE(test_a_checkpoint_moves_what_was_written),
		WITH_FILE(test_what_cannot_be_opened_says_why),
		WITH_FILE(test_a_working_folder_below_one_that_may_not_be_searched),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
