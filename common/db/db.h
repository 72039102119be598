/*
 * db.h - SQLite behind one header: a file, its prepared statements, transactions.
 *
 * The statements of a database are a table of texts made from its .sql file (tools/sql2c); each
 * is prepared on first use.  Databases run in WAL mode with synchronous=FULL.  Paths are relative
 * to the working directory and stay so (our user may not see the folders above).
 *
 * A statement is used as
 *
 *	db_u64(d, MAIL_SQL_COPY_BY_ID, id);          binds in the order of the parameters
 *	while (db_step(d, MAIL_SQL_COPY_BY_ID))      true: a row
 *		... db_get_u64(d, MAIL_SQL_COPY_BY_ID, 0) ...
 *
 * and is reset when db_step() returns false or by db_reset().  A failing database (disk full,
 * corrupt) makes db_step() return false and db_error() non-zero until db_rollback(); the owner of
 * a transaction looks at it once, at db_commit().
 */
#ifndef COMMON_DB_DB_H
#define COMMON_DB_DB_H

#include "common/span.h"

struct db;

enum db_mode {
	DB_READ,
	DB_WRITE,
	DB_MAINTAIN, /* an existing file, no statements: checkpoint.h */
};

/* Opens path (DB_WRITE makes it, with mode 0640) and checks user_version.  A DB_WRITE open brings
 * the file to `version` in one transaction: an empty one by statement `schema`, an older one by
 * the statements that stand directly behind it, to_2, to_3 ..., each from the version before.  A
 * DB_READ open of an older file fails, as does every open of a newer one.  NULL and a sentence in
 * error. */
struct db *db_open(const char *path, enum db_mode mode, const char *const *sql, size_t count,
		   size_t schema, int version, char *error, size_t error_size);
void db_close(struct db **d);

void db_u64(struct db *d, size_t stmt, uint64_t v);
void db_i64(struct db *d, size_t stmt, int64_t v);
void db_text(struct db *d, size_t stmt, struct span v);
void db_blob(struct db *d, size_t stmt, struct span v);
void db_null(struct db *d, size_t stmt);
bool db_step(struct db *d, size_t stmt);
void db_reset(struct db *d, size_t stmt);
/* Runs a statement that gives no rows. */
void db_run(struct db *d, size_t stmt);

uint64_t db_get_u64(struct db *d, size_t stmt, int column);
int64_t db_get_i64(struct db *d, size_t stmt, int column);
/* Valid until the next step or reset of this statement. */
struct span db_get_text(struct db *d, size_t stmt, int column);
bool db_get_is_null(struct db *d, size_t stmt, int column);

uint64_t db_last_id(struct db *d);
uint64_t db_changes(struct db *d);

/* BEGIN IMMEDIATE; waits up to 5 s for another writer.  durable: the commit is flushed before it
 * returns; else it is only as durable as what it was derived from (a spool file). */
void db_begin(struct db *d, bool durable);
/* 0, or -EIO and everything since db_begin() is undone; the reason in db_error_text(), and
 * db_rollback() is due. */
int db_commit(struct db *d) MUST_CHECK;
void db_rollback(struct db *d);
int db_error(const struct db *d); /* 0 or an SQLite code that sticks */
const char *db_error_text(const struct db *d);
/* A unique or foreign key refused the last db_run; does not stick. */
bool db_conflict(struct db *d);
/* Moves the WAL into the file as far as readers allow; the pages moved. */
int db_checkpoint(struct db *d);

#endif
