/*
 * db.c - SQLite with our habits.
 *
 * The VFS is the system's, but for one thing: names stay relative.  SQLite would make them
 * absolute and look at each folder from the root, which a daemon's user may not.
 */
#include "common/db/db.h"

#include <sqlite3.h>
#include <stdio.h>
#include <time.h>

enum { BUSY_MS = 5000, SCHEMA_MAX = 65536 };
enum { RECOVERY_TRIES = 8, RECOVERY_PAUSE_NS = 5000000 };

struct db {
	sqlite3 *h;
	const char *const *sql;
	sqlite3_stmt **stmts;
	int *bound;
	size_t count;
	int error;
	bool conflict;
	bool in_transaction;
	bool relaxed; /* synchronous is NORMAL now */
	char error_text[256];
};

static int keep_relative(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	(void)vfs;
	return snprintf(out, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static const char *relative_vfs(void)
{
	static sqlite3_vfs vfs;

	if (!vfs.zName) {
		const sqlite3_vfs *given = sqlite3_vfs_find(NULL);

		must(given != NULL);
		vfs = *given;
		vfs.zName = "posthaste";
		vfs.xFullPathname = keep_relative;
		must(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
	}
	return vfs.zName;
}

static void fail(struct db *d, int code)
{
	if (d->error)
		return;
	d->error = code;
	snprintf(d->error_text, sizeof(d->error_text), "%s", sqlite3_errmsg(d->h));
}

static void exec(struct db *d, const char *sql)
{
	int code;

	if (d->error)
		return;
	code = sqlite3_exec(d->h, sql, NULL, NULL, NULL);
	if (code != SQLITE_OK)
		fail(d, code);
}

static int user_version(struct db *d)
{
	sqlite3_stmt *s = NULL;
	int v = -1, code = sqlite3_prepare_v2(d->h, "PRAGMA user_version", -1, &s, NULL);

	if (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW)
		v = sqlite3_column_int(s, 0);
	else
		fail(d, code);
	sqlite3_finalize(s);
	return v;
}

/* A WAL that its writer left behind only another writer may recover: soon one has. */
static int version_found(struct db *d)
{
	int v = user_version(d);

	for (int i = 1; i < RECOVERY_TRIES && d->error == SQLITE_READONLY_RECOVERY; i++) {
		nanosleep(&(struct timespec){.tv_nsec = RECOVERY_PAUSE_NS}, NULL);
		d->error = 0;
		v = user_version(d);
	}
	return v;
}

/* Inside a transaction: an empty file gets the newest schema, an older one each step from its own
 * version on.  The number comes last, so that whatever is committed is what it says. */
static void upgrade(struct db *d, size_t schema, int version)
{
	int found = user_version(d);
	char sql[64];

	if (d->error || found >= version)
		return;
	must(schema + (size_t)version <= d->count);
	if (found == 0)
		exec(d, d->sql[schema]);
	for (int to = found + 1; found > 0 && to <= version; to++)
		exec(d, d->sql[schema + (size_t)to - 1]);
	snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", version);
	exec(d, sql);
}

static void set_up_file(struct db *d, size_t schema, int version)
{
	int keep = 1;

	exec(d, "PRAGMA journal_mode=WAL");
	exec(d, "PRAGMA synchronous=FULL");
	exec(d, "PRAGMA foreign_keys=ON");
	exec(d, "PRAGMA wal_autocheckpoint=16384"); /* checkpoint.h is earlier where it runs */
	sqlite3_file_control(d->h, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	if (d->error)
		return;
	/* A file that cannot be opened for writing SQLite takes for a read-only one.  Of the
	 * database it tells when asked, of its -shm only by refusing a transaction: so there is
	 * always one. */
	if (sqlite3_db_readonly(d->h, "main")) {
		d->error = SQLITE_READONLY;
		snprintf(d->error_text, sizeof(d->error_text), "it cannot be opened for writing");
		return;
	}
	exec(d, "BEGIN IMMEDIATE");
	upgrade(d, schema, version);
	exec(d, "COMMIT");
}

static void version_refuse(struct db *d, int found, int version)
{
	d->error = SQLITE_MISMATCH;
	if (found > version)
		snprintf(d->error_text, sizeof(d->error_text),
			 "its schema has version %d, this program knows %d: a newer release has "
			 "upgraded it; use that release, or restore a backup from before",
			 found, version);
	else
		snprintf(d->error_text, sizeof(d->error_text),
			 "its schema has version %d, this program needs %d; start the instance "
			 "with this release, which upgrades it",
			 found, version);
}

static void set_up(struct db *d, enum db_mode mode, size_t schema, int version)
{
	sqlite3_busy_timeout(d->h, BUSY_MS);
	sqlite3_extended_result_codes(d->h, 1);
	if (mode == DB_MAINTAIN) {
		user_version(d); /* a first read opens the WAL; unopened it is never moved */
		return;
	}
	if (mode == DB_WRITE)
		set_up_file(d, schema, version);
	int found = d->error ? version : version_found(d);
	if (!d->error && found != version)
		version_refuse(d, found, version);
}

struct db *db_open(const char *path, enum db_mode mode, const char *const *sql, size_t count,
		   size_t schema, int version, char *error, size_t error_size)
{
	struct db *d = mem_alloc(sizeof(*d));
	static const int flags[] = {
		[DB_READ] = SQLITE_OPEN_READONLY,
		[DB_WRITE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
		[DB_MAINTAIN] = SQLITE_OPEN_READWRITE,
	};
	int code;

	d->sql = sql;
	d->count = count;
	d->stmts = mem_alloc(count * sizeof(*d->stmts));
	d->bound = mem_alloc(count * sizeof(*d->bound));
	code = sqlite3_open_v2(path, &d->h, flags[mode] | SQLITE_OPEN_NOMUTEX, relative_vfs());
	if (code != SQLITE_OK)
		fail(d, code);
	else
		set_up(d, mode, schema, version);
	if (!d->error)
		return d;
	snprintf(error, error_size, "%s: %s", path, d->error_text);
	db_close(&d);
	return NULL;
}

void db_close(struct db **dp)
{
	struct db *d = *dp;

	if (!d)
		return;
	for (size_t i = 0; i < d->count; i++)
		sqlite3_finalize(d->stmts[i]);
	sqlite3_close_v2(d->h);
	mem_free(d->stmts);
	mem_free(d->bound);
	mem_free(d);
	*dp = NULL;
}

/* NULL once the transaction has failed: then binding and stepping do nothing. */
static sqlite3_stmt *prepared(struct db *d, size_t stmt)
{
	must(stmt < d->count);
	if (d->error)
		return NULL;
	if (!d->stmts[stmt]) {
		int code = sqlite3_prepare_v3(d->h, d->sql[stmt], -1, SQLITE_PREPARE_PERSISTENT,
					      &d->stmts[stmt], NULL);
		if (code != SQLITE_OK)
			fail(d, code);
	}
	return d->stmts[stmt];
}

#define BIND(d, stmt, call, ...)                                                        \
	do {                                                                            \
		sqlite3_stmt *s_ = prepared(d, stmt);                                   \
		if (s_)                                                                 \
			must(call(s_, ++(d)->bound[stmt], ##__VA_ARGS__) == SQLITE_OK); \
	} while (0)

void db_u64(struct db *d, size_t stmt, uint64_t v)
{
	must(v <= INT64_MAX);
	BIND(d, stmt, sqlite3_bind_int64, (sqlite3_int64)v);
}

void db_i64(struct db *d, size_t stmt, int64_t v)
{
	BIND(d, stmt, sqlite3_bind_int64, v);
}

void db_text(struct db *d, size_t stmt, struct span v)
{
	BIND(d, stmt, sqlite3_bind_text, v.n ? (const char *)v.p : "", (int)v.n, SQLITE_TRANSIENT);
}

void db_blob(struct db *d, size_t stmt, struct span v)
{
	BIND(d, stmt, sqlite3_bind_blob, v.n ? (const void *)v.p : "", (int)v.n, SQLITE_TRANSIENT);
}

void db_null(struct db *d, size_t stmt)
{
	BIND(d, stmt, sqlite3_bind_null);
}

/* What the data of another may cause; other constraints are broken by our own bugs, and stick. */
static bool is_conflict(int code)
{
	return code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
	       code == SQLITE_CONSTRAINT_ROWID || code == SQLITE_CONSTRAINT_FOREIGNKEY;
}

bool db_step(struct db *d, size_t stmt)
{
	sqlite3_stmt *s = prepared(d, stmt);
	int code = s ? sqlite3_step(s) : SQLITE_DONE;

	d->conflict = is_conflict(code);
	if (code == SQLITE_ROW)
		return true;
	if (code != SQLITE_DONE && !d->conflict)
		fail(d, code);
	db_reset(d, stmt);
	return false;
}

void db_reset(struct db *d, size_t stmt)
{
	if (d->stmts[stmt])
		sqlite3_reset(d->stmts[stmt]);
	d->bound[stmt] = 0;
}

void db_run(struct db *d, size_t stmt)
{
	if (db_step(d, stmt))
		db_reset(d, stmt);
}

uint64_t db_get_u64(struct db *d, size_t stmt, int column)
{
	int64_t v = sqlite3_column_int64(d->stmts[stmt], column);

	return v < 0 ? 0 : (uint64_t)v;
}

int64_t db_get_i64(struct db *d, size_t stmt, int column)
{
	return sqlite3_column_int64(d->stmts[stmt], column);
}

struct span db_get_text(struct db *d, size_t stmt, int column)
{
	const void *p = sqlite3_column_blob(d->stmts[stmt], column);

	return span_of(p, (size_t)sqlite3_column_bytes(d->stmts[stmt], column));
}

bool db_get_is_null(struct db *d, size_t stmt, int column)
{
	return sqlite3_column_type(d->stmts[stmt], column) == SQLITE_NULL;
}

uint64_t db_last_id(struct db *d)
{
	return (uint64_t)sqlite3_last_insert_rowid(d->h);
}

uint64_t db_changes(struct db *d)
{
	return (uint64_t)sqlite3_changes(d->h);
}

void db_begin(struct db *d, bool durable)
{
	must(!d->in_transaction);
	if (d->relaxed == durable) {
		/* the pragma is refused inside a transaction */
		exec(d, durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
		if (!d->error) /* else it was not set */
			d->relaxed = !durable;
	}
	d->in_transaction = true;
	exec(d, "BEGIN IMMEDIATE");
}

int db_commit(struct db *d)
{
	must(d->in_transaction);
	exec(d, "COMMIT");
	if (d->error)
		return -EIO;
	d->in_transaction = false;
	return 0;
}

void db_rollback(struct db *d)
{
	for (size_t i = 0; i < d->count; i++)
		db_reset(d, i);
	if (d->in_transaction)
		sqlite3_exec(d->h, "ROLLBACK", NULL, NULL, NULL);
	d->in_transaction = false;
	d->error = 0;
}

int db_error(const struct db *d)
{
	return d->error;
}

const char *db_error_text(const struct db *d)
{
	return d->error_text;
}

bool db_conflict(struct db *d)
{
	return d->conflict;
}

int db_checkpoint(struct db *d)
{
	int pages = 0, moved = 0;

	if (sqlite3_wal_checkpoint_v2(d->h, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved) !=
	    SQLITE_OK)
		return 0;
	return moved > 0 ? moved : 0;
}
