/*
 * control_rows.c - what belongs to a server: domains and credentials.
 */
#include <stdio.h>

#include "common/control/control_local.h"
#include "common/utf8.h"
#include "control_sql.h"

/* domains */

static void domain_row(struct control *c, size_t stmt, struct control_domain_row *out)
{
	struct span key = db_get_text(c->d, stmt, 6);

	out->id = db_get_u64(c->d, stmt, 0);
	control_column(c, stmt, 1, out->server, sizeof(out->server));
	control_column(c, stmt, 2, out->name.s, sizeof(out->name.s));
	out->name.n = (uint8_t)strlen(out->name.s);
	out->verified = !db_get_is_null(c->d, stmt, 3);
	out->verified_at = control_time(c, stmt, 3);
	control_column(c, stmt, 4, out->selector, sizeof(out->selector));
	out->created = control_time(c, stmt, 5);
	out->public_key_n = size_min(key.n, sizeof(out->public_key));
	if (out->public_key_n)
		memcpy(out->public_key, key.p, out->public_key_n);
}

static int domain_once(struct control *c, struct span server, const struct domain *name,
		       struct control_domain_row *out)
{
	uint64_t id;
	int err = control_server_id(c, server, &id);

	if (err)
		return err;
	db_u64(c->d, CONTROL_SQL_DOMAIN_FIND, id);
	db_text(c->d, CONTROL_SQL_DOMAIN_FIND, domain_span(name));
	if (!db_step(c->d, CONTROL_SQL_DOMAIN_FIND))
		return control_fail(c, -ENOENT,
				    "server %.*s has no domain %s; `posthaste domain list` shows "
				    "those there are",
				    SPAN_FMT(server), name->s);
	domain_row(c, CONTROL_SQL_DOMAIN_FIND, out);
	db_reset(c->d, CONTROL_SQL_DOMAIN_FIND);
	return 0;
}

int control_domain_find(struct control *c, struct span server, const struct domain *name,
			struct control_domain_row *out)
{
	int err;

	do
		err = domain_once(c, server, name, out);
	while (control_again(c));
	return control_read_end(c, err);
}

static int domain_insert(struct control *c, struct span server, const struct domain *name,
			 bool verified, const char *selector, struct span public_key)
{
	struct control_domain_row found;
	struct wall now = wall_now();
	uint64_t id;
	int err = control_server_id(c, server, &id);

	if (err)
		return err;
	if (domain_once(c, server, name, &found) == 0)
		return control_fail(c, -EEXIST, "server %s has the domain %s already", found.server,
				    name->s);
	db_u64(c->d, CONTROL_SQL_DOMAIN_INSERT, id);
	db_text(c->d, CONTROL_SQL_DOMAIN_INSERT, domain_span(name));
	if (verified)
		db_i64(c->d, CONTROL_SQL_DOMAIN_INSERT, now.ms);
	else
		db_null(c->d, CONTROL_SQL_DOMAIN_INSERT);
	db_text(c->d, CONTROL_SQL_DOMAIN_INSERT, span_str(selector));
	db_blob(c->d, CONTROL_SQL_DOMAIN_INSERT, public_key);
	db_i64(c->d, CONTROL_SQL_DOMAIN_INSERT, now.ms);
	db_run(c->d, CONTROL_SQL_DOMAIN_INSERT);
	return 0;
}

int control_domain_create(struct control *c, struct span server, const struct domain *name,
			  bool verified, const char *selector, struct span public_key)
{
	must(server.n && public_key.n <= CONTROL_PUBLIC_KEY_MAX);
	db_begin(c->d, true);
	return control_write_end(c, domain_insert(c, server, name, verified, selector, public_key));
}

static int domain_set_verified(struct control *c, struct span server, const struct domain *name)
{
	struct control_domain_row row;
	int err = domain_once(c, server, name, &row);

	if (err)
		return err;
	db_i64(c->d, CONTROL_SQL_DOMAIN_VERIFY, wall_now().ms);
	db_u64(c->d, CONTROL_SQL_DOMAIN_VERIFY, row.id);
	db_run(c->d, CONTROL_SQL_DOMAIN_VERIFY);
	return 0;
}

int control_domain_verify(struct control *c, struct span server, const struct domain *name)
{
	db_begin(c->d, true);
	return control_write_end(c, domain_set_verified(c, server, name));
}

static int domain_remove(struct control *c, struct span server, const struct domain *name)
{
	struct control_domain_row row;
	int err = domain_once(c, server, name, &row);

	if (err)
		return err;
	db_u64(c->d, CONTROL_SQL_DOMAIN_DELETE, row.id);
	db_run(c->d, CONTROL_SQL_DOMAIN_DELETE);
	return 0;
}

int control_domain_delete(struct control *c, struct span server, const struct domain *name)
{
	db_begin(c->d, true);
	return control_write_end(c, domain_remove(c, server, name));
}

int control_domain_each(struct control *c, struct span server,
			void (*fn)(const struct control_domain_row *, void *arg), void *arg)
{
	struct control_domain_row row;
	uint64_t id;
	int err = control_server_id(c, server, &id);

	if (err)
		return control_read_end(c, err);
	db_u64(c->d, CONTROL_SQL_DOMAIN_EACH, id);
	while (db_step(c->d, CONTROL_SQL_DOMAIN_EACH)) {
		domain_row(c, CONTROL_SQL_DOMAIN_EACH, &row);
		fn(&row, arg);
	}
	return control_read_end(c, 0);
}

/* credentials */

static int credential_check(struct control *c, struct span type, struct span name)
{
	if (!span_eq_str(type, "smtp") && !span_eq_str(type, "api"))
		return control_fail(c, -EINVAL,
				    "\"%.*s\" is no type of credential; it is smtp or api",
				    SPAN_FMT(type));
	if (name.n == 0 || name.n >= CONTROL_TEXT_SIZE || span_has_ctl(name) || !utf8_valid(name))
		return control_fail(c, -EINVAL,
				    "a credential's name is 1 to %d bytes of UTF-8 without control "
				    "characters; choose another one",
				    CONTROL_TEXT_SIZE - 1);
	return 0;
}

static void credential_row(struct control *c, size_t stmt, struct control_credential *out)
{
	out->id = db_get_u64(c->d, stmt, 0);
	control_column(c, stmt, 1, out->server, sizeof(out->server));
	control_column(c, stmt, 2, out->type, sizeof(out->type));
	control_column(c, stmt, 3, out->name, sizeof(out->name));
	out->created = control_time(c, stmt, 4);
}

static int credential_once(struct control *c, struct span server, struct span type,
			   struct span name, struct control_credential *out)
{
	uint64_t id;
	int err = credential_check(c, type, name);

	if (!err)
		err = control_server_id(c, server, &id);
	if (err)
		return err;
	db_u64(c->d, CONTROL_SQL_CREDENTIAL_FIND, id);
	db_text(c->d, CONTROL_SQL_CREDENTIAL_FIND, type);
	db_text(c->d, CONTROL_SQL_CREDENTIAL_FIND, name);
	if (!db_step(c->d, CONTROL_SQL_CREDENTIAL_FIND))
		return control_fail(c, -ENOENT,
				    "server %.*s has no %.*s credential \"%.*s\"; `posthaste "
				    "credential list` shows those there are",
				    SPAN_FMT(server), SPAN_FMT(type), SPAN_FMT(name));
	credential_row(c, CONTROL_SQL_CREDENTIAL_FIND, out);
	db_reset(c->d, CONTROL_SQL_CREDENTIAL_FIND);
	return 0;
}

int control_credential_find(struct control *c, struct span server, struct span type,
			    struct span name, struct control_credential *out)
{
	int err;

	do
		err = credential_once(c, server, type, name, out);
	while (control_again(c));
	return control_read_end(c, err);
}

static int credential_insert(struct control *c, struct span server, struct span type,
			     struct span name, const uint8_t *hash)
{
	struct control_credential found;
	uint64_t id;
	int err = credential_once(c, server, type, name, &found);

	if (err == 0)
		return control_fail(c, -EEXIST, "server %s has the %s credential \"%s\" already",
				    found.server, found.type, found.name);
	if (credential_check(c, type, name) != 0 || control_server_id(c, server, &id) != 0)
		return err;
	db_u64(c->d, CONTROL_SQL_CREDENTIAL_INSERT, id);
	db_text(c->d, CONTROL_SQL_CREDENTIAL_INSERT, type);
	db_text(c->d, CONTROL_SQL_CREDENTIAL_INSERT, name);
	db_blob(c->d, CONTROL_SQL_CREDENTIAL_INSERT, span_of(hash, CONTROL_HASH_SIZE));
	db_i64(c->d, CONTROL_SQL_CREDENTIAL_INSERT, wall_now().ms);
	db_run(c->d, CONTROL_SQL_CREDENTIAL_INSERT);
	if (db_conflict(c->d))
		return control_fail(
			c, -EEXIST,
			"another credential has this secret already; choose another one");
	return 0;
}

int control_credential_create(struct control *c, struct span server, struct span type,
			      struct span name, const uint8_t hash[CONTROL_HASH_SIZE])
{
	must(server.n);
	db_begin(c->d, true);
	return control_write_end(c, credential_insert(c, server, type, name, hash));
}

static int credential_remove(struct control *c, struct span server, struct span type,
			     struct span name)
{
	struct control_credential found;
	int err = credential_once(c, server, type, name, &found);

	if (err)
		return err;
	db_u64(c->d, CONTROL_SQL_CREDENTIAL_DELETE, found.id);
	db_run(c->d, CONTROL_SQL_CREDENTIAL_DELETE);
	return 0;
}

int control_credential_delete(struct control *c, struct span server, struct span type,
			      struct span name)
{
	db_begin(c->d, true);
	return control_write_end(c, credential_remove(c, server, type, name));
}

int control_credential_each(struct control *c, struct span server,
			    void (*fn)(const struct control_credential *, void *arg), void *arg)
{
	struct control_credential row;
	uint64_t id;
	int err = control_server_id(c, server, &id);

	if (err)
		return control_read_end(c, err);
	db_u64(c->d, CONTROL_SQL_CREDENTIAL_EACH, id);
	while (db_step(c->d, CONTROL_SQL_CREDENTIAL_EACH)) {
		credential_row(c, CONTROL_SQL_CREDENTIAL_EACH, &row);
		fn(&row, arg);
	}
	return control_read_end(c, 0);
}
