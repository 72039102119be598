/*
 * control_ask.c - what smtpd and queued ask: who is it, whose domain is it, may it go.
 *
 * Each question is one statement, but for the networks: there the prefix lengths are tried from
 * the longest on, each by the index.  Credentials that are not found cost as much as those that
 * are: the look-up, and for CRAM-MD5 an HMAC at least.
 */
#include <sodium.h>

#include "common/control/control_local.h"
#include "common/control/cram.h"
#include "control_sql.h"

_Static_assert((int)CONTROL_CRAM_DIGEST == (int)CRAM_DIGEST_SIZE, "control.h and cram.h");

static int no_credential(struct control *c)
{
	return control_fail(c, -ENOENT, "no such credential");
}

static void auth_row(struct control *c, size_t stmt, struct control_auth *out)
{
	out->credential = db_get_u64(c->d, stmt, 0);
	out->server = db_get_u64(c->d, stmt, 1);
	control_column(c, stmt, 2, out->label, sizeof(out->label));
	out->allow_sender = db_get_u64(c->d, stmt, 3) != 0;
	out->privacy = db_get_u64(c->d, stmt, 4) != 0;
	out->suspended = db_get_u64(c->d, stmt, 5) != 0;
}

static int auth_once(struct control *c, const uint8_t *hash, const char *type,
		     struct control_auth *out)
{
	db_blob(c->d, CONTROL_SQL_AUTH, span_of(hash, CONTROL_HASH_SIZE));
	db_text(c->d, CONTROL_SQL_AUTH, span_str(type));
	if (!db_step(c->d, CONTROL_SQL_AUTH))
		return no_credential(c);
	auth_row(c, CONTROL_SQL_AUTH, out);
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

/* CRAM-MD5 */

/* "org/server" or "org_server", as clients that cannot send a slash write it; no name has either
 * character. */
static struct span cut_user(struct span *user)
{
	size_t at = size_min(span_find(*user, '/'), span_find(*user, '_'));
	struct span org = span_head(*user, at);

	*user = span_from(*user, at + 1);
	return org;
}

static bool answers(struct span state, struct span challenge, const uint8_t *digest)
{
	uint8_t right[CRAM_DIGEST_SIZE];

	cram_digest(state.p, challenge, right);
	return sodium_memcmp(right, digest, sizeof(right)) == 0;
}

static int cram_once(struct control *c, struct span user, struct span challenge,
		     const uint8_t *digest, struct control_auth *out)
{
	static const uint8_t nobody[CRAM_STATE_SIZE];
	struct span org = cut_user(&user);
	bool tried = false, found = false;

	db_text(c->d, CONTROL_SQL_AUTH_CRAM, org);
	db_text(c->d, CONTROL_SQL_AUTH_CRAM, user);
	while (db_step(c->d, CONTROL_SQL_AUTH_CRAM)) {
		struct span state = db_get_text(c->d, CONTROL_SQL_AUTH_CRAM, 6);

		if (state.n == CRAM_STATE_SIZE && answers(state, challenge, digest)) {
			auth_row(c, CONTROL_SQL_AUTH_CRAM, out);
			found = true;
		}
		tried = true;
	}
	if (!tried)
		(void)answers(span_of(nobody, sizeof(nobody)), challenge, digest);
	return found ? 0 : no_credential(c);
}

int control_auth_cram(struct control *c, struct span user, struct span challenge,
		      const uint8_t digest[CONTROL_CRAM_DIGEST], struct control_auth *out)
{
	int err;

	do
		err = cram_once(c, user, challenge, digest, out);
	while (control_again(c));
	return control_read_end(c, err);
}

static bool is_true(struct control *c, size_t stmt)
{
	bool v = db_step(c->d, stmt) && db_get_u64(c->d, stmt, 0) != 0;

	db_reset(c->d, stmt);
	return v;
}

int control_has_cram(struct control *c, bool *out)
{
	bool v;
	int err;

	do
		v = is_true(c, CONTROL_SQL_HAS_CRAM);
	while (control_again(c));
	err = control_read_end(c, 0);
	if (!err)
		*out = v;
	return err;
}

/* networks */

static bool network_step(struct control *c, const struct conf_net *net, struct control_auth *out)
{
	char text[CONF_NET_SIZE];

	conf_net_write(net, text);
	db_text(c->d, CONTROL_SQL_AUTH_NETWORK, span_str(text));
	if (!db_step(c->d, CONTROL_SQL_AUTH_NETWORK))
		return false;
	auth_row(c, CONTROL_SQL_AUTH_NETWORK, out);
	db_reset(c->d, CONTROL_SQL_AUTH_NETWORK);
	return true;
}

static int network_once(struct control *c, const char *ip, struct control_auth *out)
{
	struct conf_net net;
	int err = conf_net_read(span_str(ip), &net);

	if ((err && err != -EDOM) || !is_true(c, CONTROL_SQL_HAS_NETWORK))
		return no_credential(c);
	for (uint8_t bits = net.bits; bits > 0; bits--) {
		conf_net_widen(&net, bits);
		if (network_step(c, &net, out))
			return 0;
	}
	return no_credential(c);
}

int control_auth_network(struct control *c, const char *ip, struct control_auth *out)
{
	int err;

	do
		err = network_once(c, ip, out);
	while (control_again(c));
	return control_read_end(c, err);
}

/* domains */

static int domain_once(struct control *c, uint64_t server, const struct domain *name,
		       struct control_domain *out)
{
	db_u64(c->d, CONTROL_SQL_DOMAIN_OF_SERVER, server);
	db_text(c->d, CONTROL_SQL_DOMAIN_OF_SERVER, domain_span(name));
	if (!db_step(c->d, CONTROL_SQL_DOMAIN_OF_SERVER))
		return control_fail(c, -ENOENT, "the server has no domain %s", name->s);
	out->id = db_get_u64(c->d, CONTROL_SQL_DOMAIN_OF_SERVER, 0);
	out->verified = db_get_u64(c->d, CONTROL_SQL_DOMAIN_OF_SERVER, 1) != 0;
	out->dkim_published = db_get_u64(c->d, CONTROL_SQL_DOMAIN_OF_SERVER, 2) != 0;
	out->return_path_ok = db_get_u64(c->d, CONTROL_SQL_DOMAIN_OF_SERVER, 3) != 0;
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

static int sign_list_once(struct control *c, uint64_t server, const struct domain *name,
			  struct control_sign_list *out)
{
	enum { S = CONTROL_SQL_SIGN_LIST };
	struct control_sign_list list = {.n = 0};

	db_u64(c->d, S, server);
	db_text(c->d, S, domain_span(name));
	while (db_step(c->d, S)) {
		struct signkey key = {.domain = *name};

		list.published = db_get_u64(c->d, S, 2) != 0;
		if (list.n < SIGNKEY_ALGORITHMS &&
		    signkey_selector(db_get_text(c->d, S, 0), key.selector) == 0 &&
		    signkey_algorithm(db_get_text(c->d, S, 1), &key.algorithm) == 0)
			list.key[list.n++] = key;
	}
	if (list.n == 0)
		return control_fail(c, -ENOENT, "the server has no verified domain %s", name->s);
	*out = list;
	return 0;
}

int control_sign_list(struct control *c, uint64_t server, const struct domain *name,
		      struct control_sign_list *out)
{
	int err;

	do
		err = sign_list_once(c, server, name, out);
	while (control_again(c));
	return control_read_end(c, err);
}

/* queued's gate */

static int gate_once(struct control *c, uint64_t server, uint64_t credential,
		     struct control_gate *out)
{
	db_u64(c->d, CONTROL_SQL_GATE, server);
	db_u64(c->d, CONTROL_SQL_GATE, credential);
	if (!db_step(c->d, CONTROL_SQL_GATE))
		return control_fail(c, -ENOENT, "server %llu was deleted",
				    (unsigned long long)server);
	*out = (struct control_gate){
		.development = db_get_u64(c->d, CONTROL_SQL_GATE, 0) != 0,
		.suspended = db_get_u64(c->d, CONTROL_SQL_GATE, 1) != 0,
		.credential_hold = db_get_u64(c->d, CONTROL_SQL_GATE, 2) != 0,
		.send_limit = db_get_u64(c->d, CONTROL_SQL_GATE, 3),
		.bytes_limit = db_get_u64(c->d, CONTROL_SQL_GATE, 4),
	};
	control_column(c, CONTROL_SQL_GATE, 5, out->relay, sizeof(out->relay));
	db_reset(c->d, CONTROL_SQL_GATE);
	return 0;
}

int control_gate(struct control *c, uint64_t server, uint64_t credential, struct control_gate *out)
{
	int err;

	do
		err = gate_once(c, server, credential, out);
	while (control_again(c));
	return control_read_end(c, err);
}

static uint64_t version_once(struct control *c)
{
	uint64_t v = 0;

	if (db_step(c->d, CONTROL_SQL_DATA_VERSION))
		v = db_get_u64(c->d, CONTROL_SQL_DATA_VERSION, 0);
	db_reset(c->d, CONTROL_SQL_DATA_VERSION);
	return v;
}

uint64_t control_version(struct control *c)
{
	uint64_t v;

	do
		v = version_once(c);
	while (control_again(c));
	if (control_read_end(c, 0) != 0 || v == 0)
		return 0;
	/* SQLite's number tells changes seen by one connection only */
	return (uint64_t)c->opened << 32 | (v & UINT32_MAX);
}
