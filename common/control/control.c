/*
 * control.c - opening, errors, the two questions of the acceptors, hashing.
 *
 * Organisations and servers are in control_org.c, what belongs to a server in control_rows.c.
 */
#include "common/control/control.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/control/control_local.h"
#include "control_sql.h"

enum { SCHEMA_VERSION = 1, TRIES_MAX = 8, PAUSE_NS = 5000000 };
enum { READONLY_RECOVERY = 264 };

static void pause_briefly(void)
{
	nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

struct control *control_open(enum db_mode mode, char *error, size_t error_size)
{
	struct control *c;
	struct db *d = NULL;

	must(sodium_init() >= 0);
	if (mode == DB_READ && access(CONTROL_PATH, F_OK) < 0) {
		snprintf(error, error_size, "%s: %s; `posthaste org create NAME` makes it",
			 CONTROL_PATH, strerror(errno));
		return NULL;
	}
	for (int i = 0; !d && i < (mode == DB_READ ? TRIES_MAX : 1); i++) {
		if (i > 0)
			pause_briefly();
		d = db_open(CONTROL_PATH, mode, control_sql, CONTROL_SQL_COUNT, CONTROL_SQL_SCHEMA,
			    SCHEMA_VERSION, error, error_size);
	}
	if (!d)
		return NULL;
	c = mem_alloc(sizeof(*c));
	c->d = d;
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

struct wall control_time(struct control *c, size_t stmt, int column)
{
	return (struct wall){db_get_i64(c->d, stmt, column)};
}

/* what smtpd and queued ask */

static int auth_once(struct control *c, const uint8_t *hash, const char *type,
		     struct control_auth *out)
{
	db_blob(c->d, CONTROL_SQL_AUTH, span_of(hash, CONTROL_HASH_SIZE));
	db_text(c->d, CONTROL_SQL_AUTH, span_str(type));
	if (!db_step(c->d, CONTROL_SQL_AUTH))
		return control_fail(c, -ENOENT, "no such credential");
	out->credential = db_get_u64(c->d, CONTROL_SQL_AUTH, 0);
	out->server = db_get_u64(c->d, CONTROL_SQL_AUTH, 1);
	control_column(c, CONTROL_SQL_AUTH, 2, out->label, sizeof(out->label));
	db_reset(c->d, CONTROL_SQL_AUTH);
	return 0;
}

int control_auth(struct control *c, const uint8_t hash[CONTROL_HASH_SIZE], const char *type,
		 struct control_auth *out)
{
	int err;

	do
		err = auth_once(c, hash, type, out);
	while (control_again(c));
	return control_read_end(c, err);
}

static int domain_once(struct control *c, uint64_t server, const struct domain *name,
		       struct control_domain *out)
{
	db_u64(c->d, CONTROL_SQL_DOMAIN_OF_SERVER, server);
	db_text(c->d, CONTROL_SQL_DOMAIN_OF_SERVER, domain_span(name));
	if (!db_step(c->d, CONTROL_SQL_DOMAIN_OF_SERVER))
		return control_fail(c, -ENOENT, "the server has no domain %s", name->s);
	out->id = db_get_u64(c->d, CONTROL_SQL_DOMAIN_OF_SERVER, 0);
	out->verified = db_get_u64(c->d, CONTROL_SQL_DOMAIN_OF_SERVER, 1) != 0;
	control_column(c, CONTROL_SQL_DOMAIN_OF_SERVER, 2, out->selector, sizeof(out->selector));
	db_reset(c->d, CONTROL_SQL_DOMAIN_OF_SERVER);
	return 0;
}

int control_domain(struct control *c, uint64_t server, const struct domain *name,
		   struct control_domain *out)
{
	int err;

	do
		err = domain_once(c, server, name, out);
	while (control_again(c));
	return control_read_end(c, err);
}

int control_gate(struct control *c, uint64_t server, uint64_t credential, struct control_gate *out)
{
	(void)c;
	(void)server;
	(void)credential;
	*out = (struct control_gate){.send_limit = 0};
	return 0;
}

uint64_t control_version(struct control *c)
{
	(void)c;
	return 0;
}
