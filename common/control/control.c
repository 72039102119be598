/*
 * control.c - opening, errors, hashing.
 *
 * What smtpd and queued ask is in control_ask.c, organisations and servers in control_org.c, what
 * belongs to a server in control_rows.c, the keys of domains in control_keys.c.
 */
#include "common/control/control.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/control/control_local.h"
#include "common/utf8.h"
#include "control_sql.h"

enum { SCHEMA_VERSION = 3, TRIES_MAX = 8, PAUSE_NS = 5000000 };
enum { READONLY_RECOVERY = 264 };
_Static_assert(CONTROL_SQL_TO_3 == CONTROL_SQL_SCHEMA + SCHEMA_VERSION - 1, "the last step");

static void pause_briefly(void)
{
	nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

struct control *control_open(enum db_mode mode, char *error, size_t error_size)
{
	static uint32_t opened;
	struct control *c;
	struct db *d;

	must(sodium_init() >= 0);
	if (mode == DB_READ && access(CONTROL_PATH, F_OK) < 0) {
		snprintf(error, error_size, "%s: %s; `posthaste org create NAME` makes it",
			 CONTROL_PATH, strerror(errno));
		return NULL;
	}
	d = db_open(CONTROL_PATH, mode, control_sql, CONTROL_SQL_COUNT, CONTROL_SQL_SCHEMA,
		    SCHEMA_VERSION, error, error_size);
	if (!d)
		return NULL;
	c = mem_alloc(sizeof(*c));
	c->d = d;
	c->opened = ++opened;
	return c;
}

void control_close(struct control **c)
{
	if (!*c)
		return;
	db_close(&(*c)->d);
	mem_free(*c);
	*c = NULL;
}

const char *control_error(const struct control *c)
{
	return c->error;
}

void control_secret_hash(const uint8_t key[32], struct span secret, uint8_t out[CONTROL_HASH_SIZE])
{
	must(crypto_generichash(out, CONTROL_HASH_SIZE, secret.p, secret.n, key, 32) == 0);
}

/* shared with the other files */

int control_fail(struct control *c, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->error, sizeof(c->error), fmt, ap);
	va_end(ap);
	return err;
}

bool control_again(struct control *c)
{
	if (db_error(c->d) != READONLY_RECOVERY || c->tries == TRIES_MAX) {
		c->tries = 0;
		return false;
	}
	c->tries++;
	db_rollback(c->d);
	pause_briefly();
	return true;
}

static int database_failed(struct control *c)
{
	return control_fail(c, -EIO, "%s: %s; look at the disk's space and the file's rights",
			    CONTROL_PATH, db_error_text(c->d));
}

int control_read_end(struct control *c, int err)
{
	if (!db_error(c->d))
		return err;
	err = database_failed(c);
	db_rollback(c->d);
	return err;
}

int control_write_end(struct control *c, int err)
{
	if (!err && !db_error(c->d) && db_commit(c->d) == 0)
		return 0;
	if (db_error(c->d))
		err = database_failed(c);
	db_rollback(c->d);
	return err;
}

void control_column(struct control *c, size_t stmt, int column, char *out, size_t size)
{
	struct span v = span_head(db_get_text(c->d, stmt, column), size - 1);

	if (v.n)
		memcpy(out, v.p, v.n);
	out[v.n] = '\0';
}

int control_text_check(struct control *c, struct span text, size_t min, const char *what)
{
	if (text.n >= min && text.n < CONTROL_TEXT_SIZE && !span_has_ctl(text) && utf8_valid(text))
		return 0;
	return control_fail(c, -EINVAL,
			    "%s is %zu to %d bytes of UTF-8 without control characters; choose "
			    "another one",
			    what, min, CONTROL_TEXT_SIZE - 1);
}

struct wall control_time(struct control *c, size_t stmt, int column)
{
	return (struct wall){db_get_i64(c->d, stmt, column)};
}

/* for posthaste verify */

static void check_once(struct control *c, bool deep, void (*damage)(struct span text, void *arg),
		       void (*orphan)(struct span row, void *arg), void *arg)
{
	enum { F = CONTROL_SQL_VERIFY_FOREIGN };
	size_t s = deep ? CONTROL_SQL_VERIFY_DEEP : CONTROL_SQL_VERIFY_QUICK;
	char row[CONTROL_TEXT_SIZE];

	while (db_step(c->d, s))
		if (!span_eq_str(db_get_text(c->d, s, 0), "ok"))
			damage(db_get_text(c->d, s, 0), arg);
	while (db_step(c->d, F)) {
		snprintf(row, sizeof(row), "%.*s %llu", SPAN_FMT(db_get_text(c->d, F, 0)),
			 (unsigned long long)db_get_u64(c->d, F, 1));
		orphan(span_str(row), arg);
	}
}

int control_check(struct control *c, bool deep, void (*damage)(struct span text, void *arg),
		  void (*orphan)(struct span row, void *arg), void *arg)
{
	do
		check_once(c, deep, damage, orphan, arg);
	while (control_again(c));
	return control_read_end(c, 0);
}
