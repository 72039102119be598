/*
 * control_rows.c - what belongs to a server: domains (without their keys) and credentials.
 */
#include <sodium.h>
#include <stdio.h>

#include "common/control/control_local.h"
#include "common/control/cram.h"
#include "control_sql.h"

/* domains */

static void domain_row(struct control *c, size_t stmt, struct control_domain_row *out)
{
	out->id = db_get_u64(c->d, stmt, 0);
	control_column(c, stmt, 1, out->server, sizeof(out->server));
	control_column(c, stmt, 2, out->name.s, sizeof(out->name.s));
	out->name.n = (uint8_t)strlen(out->name.s);
	out->verified = !db_get_is_null(c->d, stmt, 3);
	out->verified_at = control_time(c, stmt, 3);
	out->created = control_time(c, stmt, 4);
	control_column(c, stmt, 5, out->selector, sizeof(out->selector));
	control_column(c, stmt, 6, out->token, sizeof(out->token));
	out->checked = !db_get_is_null(c->d, stmt, 7);
	out->checked_at = control_time(c, stmt, 7);
	out->dkim_published = db_get_u64(c->d, stmt, 8) != 0;
	out->return_path_ok = db_get_u64(c->d, stmt, 9) != 0;
}

int control_domain_once(struct control *c, struct span server, const struct domain *name,
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
		err = control_domain_once(c, server, name, out);
	while (control_again(c));
	return control_read_end(c, err);
}

static void token_make(char out[CONTROL_TOKEN_SIZE])
{
	uint8_t bytes[(CONTROL_TOKEN_SIZE - 1) / 2];

	randombytes_buf(bytes, sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), out);
	out[CONTROL_TOKEN_SIZE - 1] = '\0';
}

static int domain_insert(struct control *c, struct span server, const struct domain *name,
			 bool verified, const struct control_key_new *key)
{
	struct control_domain_row found;
	struct wall now = wall_now();
	char token[CONTROL_TOKEN_SIZE];
	uint64_t id;
	int err = control_server_id(c, server, &id);

	if (err)
		return err;
	if (control_domain_once(c, server, name, &found) == 0)
		return control_fail(c, -EEXIST, "server %s has the domain %s already", found.server,
				    name->s);
	db_u64(c->d, CONTROL_SQL_DOMAIN_INSERT, id);
	db_text(c->d, CONTROL_SQL_DOMAIN_INSERT, domain_span(name));
	if (verified)
		db_i64(c->d, CONTROL_SQL_DOMAIN_INSERT, now.ms);
	else
		db_null(c->d, CONTROL_SQL_DOMAIN_INSERT);
	db_i64(c->d, CONTROL_SQL_DOMAIN_INSERT, now.ms);
	token_make(token);
	db_text(c->d, CONTROL_SQL_DOMAIN_INSERT, span_str(token));
	db_run(c->d, CONTROL_SQL_DOMAIN_INSERT);
	err = control_domain_once(c, server, name, &found);
	if (!err)
		control_key_insert(c, found.id, key, CONTROL_KEY_ACTIVE, now);
	return err;
}

int control_domain_create(struct control *c, struct span server, const struct domain *name,
			  bool verified, const struct control_key_new *key)
{
	must(server.n);
	db_begin(c->d, true);
	return control_write_end(c, domain_insert(c, server, name, verified, key));
}

static int domain_set_verified(struct control *c, struct span server, const struct domain *name)
{
	struct control_domain_row row;
	int err = control_domain_once(c, server, name, &row);

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

static int domain_set_checked(struct control *c, struct span server, const struct domain *name,
			      const struct control_check *found)
{
	enum { S = CONTROL_SQL_DOMAIN_CHECKED };
	struct control_domain_row row;
	int err = control_domain_once(c, server, name, &row);

	if (err)
		return err;
	db_i64(c->d, S, wall_now().ms);
	db_u64(c->d, S, found->owned);
	db_u64(c->d, S, found->dkim_published);
	db_u64(c->d, S, found->return_path_ok);
	db_u64(c->d, S, row.id);
	db_run(c->d, S);
	return 0;
}

int control_domain_checked(struct control *c, struct span server, const struct domain *name,
			   const struct control_check *found)
{
	db_begin(c->d, true);
	return control_write_end(c, domain_set_checked(c, server, name, found));
}

static int domain_remove(struct control *c, struct span server, const struct domain *name)
{
	struct control_domain_row row;
	int err = control_domain_once(c, server, name, &row);

	if (err)
		return err;
	db_u64(c->d, CONTROL_SQL_KEYS_DELETE, row.id);
	db_run(c->d, CONTROL_SQL_KEYS_DELETE);
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
	if (!span_eq_str(type, "smtp") && !span_eq_str(type, "api") &&
	    !span_eq_str(type, "smtp-ip"))
		return control_fail(
			c, -EINVAL,
			"\"%.*s\" is no type of credential; it is smtp or api, or smtp-ip",
			SPAN_FMT(type));
	return control_text_check(c, name, 1, "a credential's name");
}

static void credential_row(struct control *c, size_t stmt, struct control_credential *out)
{
	out->id = db_get_u64(c->d, stmt, 0);
	control_column(c, stmt, 1, out->server, sizeof(out->server));
	control_column(c, stmt, 2, out->type, sizeof(out->type));
	control_column(c, stmt, 3, out->name, sizeof(out->name));
	out->created = control_time(c, stmt, 4);
	out->hold = db_get_u64(c->d, stmt, 5) != 0;
	out->cram = db_get_u64(c->d, stmt, 6) != 0;
	control_column(c, stmt, 7, out->network, sizeof(out->network));
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

/* What is stored of a new credential. */
struct stored {
	struct span hash;
	struct span cram; /* empty: none */
	char network[CONF_NET_SIZE];
};

static bool too_many_crams(struct control *c, uint64_t server)
{
	uint64_t n;

	db_u64(c->d, CONTROL_SQL_CREDENTIAL_CRAMS, server);
	if (!db_step(c->d, CONTROL_SQL_CREDENTIAL_CRAMS))
		return false;
	n = db_get_u64(c->d, CONTROL_SQL_CREDENTIAL_CRAMS, 0);
	db_reset(c->d, CONTROL_SQL_CREDENTIAL_CRAMS);
	return n >= CONTROL_CRAMS_MAX;
}

/* May it be made?  Then the server's number. */
static int credential_allowed(struct control *c, const struct control_credential_new *new,
			      const struct stored *s, uint64_t *server_out)
{
	struct control_credential found;
	int err = credential_once(c, new->server, new->type, new->name, &found);

	if (err == 0)
		return control_fail(c, -EEXIST, "server %s has the %s credential \"%s\" already",
				    found.server, found.type, found.name);
	if (credential_check(c, new->type, new->name) != 0 ||
	    control_server_id(c, new->server, server_out) != 0)
		return err;
	if (s->cram.n && too_many_crams(c, *server_out))
		return control_fail(
			c, -EEXIST,
			"server %.*s has %d credentials for CRAM-MD5, which is the most; "
			"delete one that is not used",
			SPAN_FMT(new->server), CONTROL_CRAMS_MAX);
	return 0;
}

static int credential_insert(struct control *c, const struct control_credential_new *new,
			     const struct stored *s)
{
	enum { STMT = CONTROL_SQL_CREDENTIAL_INSERT };
	uint64_t server;
	int err = credential_allowed(c, new, s, &server);

	if (err)
		return err;
	db_u64(c->d, STMT, server);
	db_text(c->d, STMT, new->type);
	db_text(c->d, STMT, new->name);
	db_blob(c->d, STMT, s->hash);
	db_i64(c->d, STMT, wall_now().ms);
	db_u64(c->d, STMT, new->hold);
	if (s->cram.n)
		db_blob(c->d, STMT, s->cram);
	else
		db_null(c->d, STMT);
	if (s->network[0])
		db_text(c->d, STMT, span_str(s->network));
	else
		db_null(c->d, STMT);
	db_run(c->d, STMT);
	if (!db_conflict(c->d))
		return 0;
	if (s->network[0])
		return control_fail(c, -EEXIST,
				    "another credential has the network %s already; `posthaste "
				    "credential list` shows which",
				    s->network);
	return control_fail(c, -EEXIST,
			    "another credential has this secret already; choose another one");
}

int control_credential_add(struct control *c, const uint8_t key[32],
			   const struct control_credential_new *new)
{
	uint8_t hash[CONTROL_HASH_SIZE], cram[CRAM_STATE_SIZE];
	struct stored s = {.hash = span_of(hash, sizeof(hash))};
	char named[sizeof("smtp-ip:") + CONF_NET_SIZE];
	int err;

	must(new->server.n &&span_eq_str(new->type, "smtp-ip") == (new->network != NULL));
	if (new->network) {
		must(new->network->bits > 0);
		conf_net_write(new->network, s.network);
		snprintf(named, sizeof(named), "smtp-ip:%s", s.network);
		control_secret_hash(key, span_str(named), hash);
	} else {
		control_secret_hash(key, new->secret, hash);
	}
	if (new->cram) {
		must(span_eq_str(new->type, "smtp"));
		cram_state(new->secret, cram);
		s.cram = span_of(cram, sizeof(cram));
	}
	db_begin(c->d, true);
	err = control_write_end(c, credential_insert(c, new, &s));
	sodium_memzero(cram, sizeof(cram));
	return err;
}

int control_credential_create(struct control *c, struct span server, struct span type,
			      struct span name, const uint8_t hash[CONTROL_HASH_SIZE])
{
	struct control_credential_new new = {.server = server, .type = type, .name = name};

	must(server.n && !span_eq_str(type, "smtp-ip"));
	db_begin(c->d, true);
	return control_write_end(
		c, credential_insert(c, &new,
				     &(struct stored){.hash = span_of(hash, CONTROL_HASH_SIZE)}));
}

static int credential_set_hold(struct control *c, struct span server, struct span type,
			       struct span name, bool hold)
{
	struct control_credential found;
	int err = credential_once(c, server, type, name, &found);

	if (err)
		return err;
	db_u64(c->d, CONTROL_SQL_CREDENTIAL_HOLD, hold);
	db_u64(c->d, CONTROL_SQL_CREDENTIAL_HOLD, found.id);
	db_run(c->d, CONTROL_SQL_CREDENTIAL_HOLD);
	return 0;
}

int control_credential_hold(struct control *c, struct span server, struct span type,
			    struct span name, bool hold)
{
	db_begin(c->d, true);
	return control_write_end(c, credential_set_hold(c, server, type, name, hold));
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
