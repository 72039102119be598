/*
 * control_test.c - names, errors, settings and what is asked, on a database in a folder of its own.
 */
#include "common/control/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"

static char folder[] = "/tmp/control-test-XXXXXX";
static const uint8_t key[32] = "the key of credentials, 32 bytes";

static int folder_make(void **state)
{
	(void)state;
	umask(027);
	return mkdtemp(folder) && chdir(folder) == 0 && mkdir("control", 0750) == 0 ? 0 : -1;
}

static int folder_remove(void **state)
{
	static const char *const files[] = {CONTROL_PATH, CONTROL_PATH "-wal", CONTROL_PATH "-shm"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		unlink(files[i]);
	return rmdir("control") == 0 && chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static int files_remove(void **state)
{
	(void)state;
	unlink(CONTROL_PATH);
	unlink(CONTROL_PATH "-wal");
	unlink(CONTROL_PATH "-shm");
	return 0;
}

static struct control *open_for(enum db_mode mode)
{
	char error[CONTROL_ERROR_SIZE] = "";
	struct control *c = control_open(mode, error, sizeof(error));

	if (!c)
		fail_msg("%s", error);
	return c;
}

static struct domain domain_of(const char *s)
{
	struct domain d;

	assert_int_equal(domain_parse(span_str(s), &d), 0);
	return d;
}

enum what { ORG, SERVER };

static void names_that_are_not_allowed_are_refused(void **state)
{
	static const struct {
		enum what what;
		const char *name;
		int err;
		const char *says;
	} t[] = {
		{ORG, "", -EINVAL, "a-z"},
		{ORG, "Acme", -EINVAL, "a-z"},
		{ORG, "a_b", -EINVAL, "a-z"},
		{ORG, "a/b", -EINVAL, "a-z"},
		{ORG, "a\nb", -EINVAL, "a-z"},
		{ORG, "server", -EINVAL, "reserved"},
		{ORG, "mail", -EINVAL, "reserved"},
		{ORG, "all", 0, ""},
		{ORG, "acme", 0, ""},
		{ORG, "acme", -EEXIST, "exists already"},
		{ORG, "a-1", 0, ""},
		{ORG, "a23456789012345678901234567890123456789012345678901234567890123", 0, ""},
		{ORG, "a234567890123456789012345678901234567890123456789012345678901234", -EINVAL,
		 "1 to 63"},
		{SERVER, "acme", -EINVAL, "ORG/NAME"},
		{SERVER, "acme/", -EINVAL, "ORG/NAME"},
		{SERVER, "/x", -EINVAL, "ORG/NAME"},
		{SERVER, "acme/a/b", -EINVAL, "a-z"},
		{SERVER, "acme/all", -EINVAL, "reserved"},
		{SERVER, "acme/mail", 0, ""},
		{SERVER, "acme/mail", -EEXIST, "exists already"},
		{SERVER, "other/mail", -ENOENT, "org create other"},
		{SERVER, "a-1/mail", 0, ""},
	};
	struct control *c = open_for(DB_WRITE);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		int err = t[i].what == ORG ? control_org_create(c, span_str(t[i].name))
					   : control_server_create(c, span_str(t[i].name));

		if (err != t[i].err)
			fail_msg("%s: %d (%s)", t[i].name, err, control_error(c));
		if (err && !strstr(control_error(c), t[i].says))
			fail_msg("%s: %s", t[i].name, control_error(c));
	}
	control_close(&c);
	assert_null(c);
}

static const struct control_key_new key_one = {"phabc", SIGNKEY_RSA, SPAN_LIT("DER")};
static const struct control_key_new key_two = {"phxyz", SIGNKEY_RSA, SPAN_LIT("DER 2")};

static void fill(struct control *c)
{
	struct domain d = domain_of("example.com"), e = domain_of("example.org");
	uint8_t hash[CONTROL_HASH_SIZE];

	assert_int_equal(control_org_create(c, span_str("acme")), 0);
	assert_int_equal(control_server_create(c, span_str("acme/one")), 0);
	assert_int_equal(control_server_create(c, span_str("acme/two")), 0);
	assert_int_equal(control_domain_create(c, span_str("acme/one"), &d, true, &key_one), 0);
	assert_int_equal(control_domain_create(c, span_str("acme/two"), &e, false, &key_two), 0);
	control_secret_hash(key, SPAN_LIT("secret one"), hash);
	assert_int_equal(control_credential_create(c, span_str("acme/one"), SPAN_LIT("smtp"),
						   SPAN_LIT("app"), hash),
			 0);
}

static void acceptors_find_credentials_and_domains(void **state)
{
	struct control *w = open_for(DB_WRITE), *r;
	struct domain d = domain_of("example.com"), sub = domain_of("a.example.com");
	struct domain e = domain_of("example.org");
	uint8_t hash[CONTROL_HASH_SIZE], other[CONTROL_HASH_SIZE], other_key[32] = {0};
	struct control_domain domain;
	struct control_auth auth;

	(void)state;
	fill(w);
	r = open_for(DB_READ);
	control_secret_hash(key, SPAN_LIT("secret one"), hash);
	control_secret_hash(other_key, SPAN_LIT("secret one"), other);
	assert_memory_not_equal(hash, other, sizeof(hash));
	assert_int_equal(control_auth(r, hash, "smtp", &auth), 0);
	assert_string_equal(auth.label, "acme/one");
	assert_int_equal(control_auth(r, hash, "api", &auth), -ENOENT);
	assert_int_equal(control_auth(r, other, "smtp", &auth), -ENOENT);
	assert_int_equal(control_domain(r, auth.server, &d, &domain), 0);
	assert_true(domain.verified);
	assert_int_equal(control_domain(r, auth.server, &sub, &domain), -ENOENT);
	assert_int_equal(control_domain(r, auth.server, &e, &domain), -ENOENT);
	assert_int_equal(control_domain(r, auth.server + 1, &e, &domain), 0);
	assert_false(domain.verified);
	assert_int_equal(control_domain_verify(w, span_str("acme/two"), &e), 0);
	assert_int_equal(control_domain(r, auth.server + 1, &e, &domain), 0);
	assert_true(domain.verified);
	control_close(&r);
	control_close(&w);
}

static void what_is_there_already_or_in_use_is_told(void **state)
{
	struct control *c = open_for(DB_WRITE);
	struct domain d = domain_of("example.com");
	struct span one = span_str("acme/one");
	uint8_t hash[CONTROL_HASH_SIZE], fresh[CONTROL_HASH_SIZE] = {1};

	(void)state;
	fill(c);
	control_secret_hash(key, SPAN_LIT("secret one"), hash);
	assert_int_equal(control_domain_create(c, one, &d, true, &key_two), -EEXIST);
	assert_int_equal(
		control_credential_create(c, one, SPAN_LIT("smtp"), SPAN_LIT("app"), fresh),
		-EEXIST);
	assert_non_null(strstr(control_error(c), "\"app\" already"));
	assert_int_equal(control_credential_create(c, one, SPAN_LIT("smtp"), SPAN_LIT("b"), hash),
			 -EEXIST);
	assert_non_null(strstr(control_error(c), "this secret"));
	assert_int_equal(control_credential_create(c, one, SPAN_LIT("ftp"), SPAN_LIT("b"), fresh),
			 -EINVAL);
	assert_int_equal(
		control_credential_create(c, one, SPAN_LIT("api"), SPAN_LIT("a\nb"), fresh),
		-EINVAL);
	assert_int_equal(control_credential_create(c, span_str("acme/no"), SPAN_LIT("api"),
						   SPAN_LIT("b"), fresh),
			 -ENOENT);
	assert_int_equal(control_org_delete(c, SPAN_LIT("acme")), -ENOTEMPTY);
	assert_non_null(strstr(control_error(c), "2 servers"));
	assert_int_equal(control_server_delete(c, one), -ENOTEMPTY);
	assert_non_null(strstr(control_error(c), "1 domain and 1 credential"));
	assert_int_equal(control_org_delete(c, SPAN_LIT("no")), -ENOENT);
	control_close(&c);
}

static void count_server(const struct control_server *s, void *arg)
{
	uint64_t *last = arg;

	*last = s->id;
}

static void deleted_things_are_gone_and_their_numbers_stay_unused(void **state)
{
	struct control *c = open_for(DB_WRITE);
	struct domain d = domain_of("example.com");
	struct span one = span_str("acme/one"), two = span_str("acme/two");
	struct control_domain_row row;
	struct control_server s;
	uint64_t last = 0;

	(void)state;
	fill(c);
	assert_int_equal(control_domain_find(c, one, &d, &row), 0);
	assert_string_equal(row.selector, "phabc");
	assert_int_equal(control_domain_delete(c, one, &d), 0);
	assert_int_equal(control_domain_find(c, one, &d, &row), -ENOENT);
	assert_int_equal(control_credential_delete(c, one, SPAN_LIT("smtp"), SPAN_LIT("app")), 0);
	assert_int_equal(control_credential_delete(c, one, SPAN_LIT("smtp"), SPAN_LIT("app")),
			 -ENOENT);
	assert_int_equal(control_server_delete(c, one), 0);
	d = domain_of("example.org");
	assert_int_equal(control_domain_delete(c, two, &d), 0);
	assert_int_equal(control_server_find(c, two, &s), 0);
	assert_int_equal(control_server_delete(c, two), 0);
	assert_int_equal(control_server_create(c, two), 0);
	assert_int_equal(control_server_each(c, count_server, &last), 0);
	assert_true(last > s.id);
	control_close(&c);
}

/* what a look at DNS has found */

static void expect_found(struct control *c, const char *server, const struct domain *d,
			 const char *want)
{
	struct control_domain_row row;
	char got[32];

	assert_int_equal(control_domain_find(c, span_str(server), d, &row), 0);
	assert_int_equal(strlen(row.token), CONTROL_TOKEN_SIZE - 1);
	assert_int_equal(row.checked, row.checked_at.ms != 0);
	snprintf(got, sizeof(got), "%s%s%s%s", row.checked ? "checked " : "",
		 row.verified ? "verified " : "", row.dkim_published ? "dkim " : "",
		 row.return_path_ok ? "path" : "");
	assert_string_equal(got, want);
}

static void what_a_check_finds_is_kept(void **state)
{
	struct control *c = open_for(DB_WRITE);
	struct domain d = domain_of("example.com"), e = domain_of("example.org");
	struct span one = span_str("acme/one"), two = span_str("acme/two");
	struct control_domain_row a, b;
	struct control_sign_list list;
	struct control_domain asked;
	struct control_server s;

	(void)state;
	fill(c);
	expect_found(c, "acme/one", &d, "verified dkim ");
	expect_found(c, "acme/two", &e, "");
	assert_int_equal(control_domain_find(c, one, &d, &a), 0);
	assert_int_equal(control_domain_find(c, two, &e, &b), 0);
	assert_string_not_equal(a.token, b.token);
	assert_int_equal(control_server_find(c, one, &s), 0);
	assert_int_equal(control_sign_list(c, s.id, &d, &list), 0);
	assert_true(list.published);

	assert_int_equal(
		control_domain_checked(c, one, &d, &(struct control_check){true, true, true}), 0);
	expect_found(c, "acme/one", &d, "checked verified dkim path");
	assert_int_equal(control_domain(c, s.id, &d, &asked), 0);
	assert_true(asked.dkim_published && asked.return_path_ok);
	assert_int_equal(
		control_domain_checked(c, one, &d, &(struct control_check){.owned = false}), 0);
	expect_found(c, "acme/one", &d, "checked verified "); /* proven once */
	assert_int_equal(control_domain(c, s.id, &d, &asked), 0);
	assert_false(asked.dkim_published || asked.return_path_ok);
	assert_int_equal(control_sign_list(c, s.id, &d, &list), 0);
	assert_false(list.published);
	assert_int_equal(control_domain_find(c, one, &d, &b), 0);
	assert_int_equal(b.verified_at.ms, a.verified_at.ms);
	assert_string_equal(b.token, a.token);

	assert_int_equal(
		control_domain_checked(c, two, &e, &(struct control_check){.owned = false}), 0);
	expect_found(c, "acme/two", &e, "checked ");
	assert_int_equal(control_domain_verify(c, two, &e), 0);
	expect_found(c, "acme/two", &e, "checked verified "); /* the check counts more */
	assert_int_equal(
		control_domain_checked(c, two, &d, &(struct control_check){true, true, true}),
		-ENOENT);
	control_close(&c);
}

/* keys: "selector algorithm state" of each */

static void add_key(const struct control_key *k, void *arg)
{
	buf_fmt(arg, "%s %s %s %.*s %s\n", k->key.selector,
		signkey_algorithm_name(k->key.algorithm), control_key_state_name(k->state),
		(int)k->public_key_n, (const char *)k->public_key, k->key.domain.s);
}

static void expect_keys(struct control *c, const char *server, const struct domain *d,
			const char *want)
{
	struct buf b;

	buf_init(&b, 4096);
	assert_int_equal(control_key_each(c, span_str(server), d, add_key, &b), 0);
	if (!span_eq_str(buf_span(&b), want))
		fail_msg("%.*s", SPAN_FMT(buf_span(&b)));
	buf_done(&b);
}

static void expect_signers(struct control *c, const struct domain *d, const char *one,
			   const char *two)
{
	struct control_sign_list list;
	struct control_server s;

	assert_int_equal(control_server_find(c, SPAN_LIT("acme/one"), &s), 0);
	assert_int_equal(control_sign_list(c, s.id, d, &list), 0);
	assert_int_equal(list.n, two ? 2 : 1);
	assert_string_equal(list.key[0].selector, one);
	if (two)
		assert_string_equal(list.key[1].selector, two);
	for (size_t i = 0; i < list.n; i++)
		assert_string_equal(list.key[i].domain.s, d->s);
}

static void keys_are_rotated_by_overlap(void **state)
{
	const struct control_key_new second = {"s2", SIGNKEY_RSA, SPAN_LIT("D2")};
	const struct control_key_new ed = {"ed", SIGNKEY_ED25519, SPAN_LIT("E")};
	struct control *c = open_for(DB_WRITE);
	struct domain d = domain_of("example.com");
	struct span one = span_str("acme/one");

	(void)state;
	fill(c);
	expect_keys(c, "acme/one", &d, "phabc rsa-sha256 active DER example.com\n");
	assert_int_equal(control_key_add(c, one, &d, &second), 0);
	assert_int_equal(control_key_add(c, one, &d, &ed), 0);
	expect_signers(c, &d, "phabc", NULL);
	assert_int_equal(control_key_activate(c, one, &d, "s2"), 0);
	expect_signers(c, &d, "s2", NULL);
	assert_int_equal(control_key_activate(c, one, &d, "ed"), 0);
	assert_int_equal(control_key_activate(c, one, &d, "ed"), 0);
	expect_signers(c, &d, "s2", "ed");
	expect_keys(c, "acme/one", &d,
		    "phabc rsa-sha256 retired DER example.com\n"
		    "s2 rsa-sha256 active D2 example.com\n"
		    "ed ed25519-sha256 active E example.com\n");
	assert_int_equal(control_key_activate(c, one, &d, "phabc"), 0); /* and back */
	expect_signers(c, &d, "phabc", "ed");
	assert_int_equal(control_key_remove(c, one, &d, "s2"), 0);
	assert_int_equal(control_key_remove(c, one, &d, "phabc"), 0);
	expect_signers(c, &d, "ed", NULL);
	assert_int_equal(control_key_remove(c, one, &d, "ed"), -EBUSY);
	assert_non_null(strstr(control_error(c), "only active key"));
	expect_keys(c, "", NULL,
		    "ed ed25519-sha256 active E example.com\n"
		    "phxyz rsa-sha256 active DER 2 example.org\n");
	assert_int_equal(control_domain_delete(c, one, &d), 0);
	expect_keys(c, "", NULL, "phxyz rsa-sha256 active DER 2 example.org\n");
	control_close(&c);
}

static void wrong_keys_are_told(void **state)
{
	struct control *c = open_for(DB_WRITE);
	struct domain d = domain_of("example.com"), e = domain_of("example.org");
	struct span one = span_str("acme/one");
	struct control_sign_list list;
	struct control_server s;
	char name[16];

	(void)state;
	fill(c);
	assert_int_equal(control_key_add(c, one, &d, &key_one), -EEXIST);
	assert_int_equal(control_key_allowed(c, one, &d, "phabc"), -EEXIST);
	assert_int_equal(control_key_allowed(c, one, &e, "x"), -ENOENT);
	assert_int_equal(control_key_activate(c, one, &d, "phxyz"), -ENOENT);
	assert_non_null(strstr(control_error(c), "no key with the selector phxyz"));
	assert_int_equal(control_key_remove(c, one, &d, "phxyz"), -ENOENT);
	for (int i = 1; i < CONTROL_KEYS_MAX; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		assert_int_equal(control_key_add(c, one, &d,
						 &(struct control_key_new){name, SIGNKEY_RSA,
									   key_one.public_key}),
				 0);
	}
	assert_int_equal(control_key_add(c, one, &d, &key_two), -EEXIST);
	assert_non_null(strstr(control_error(c), "which is the most"));
	assert_int_equal(control_server_find(c, span_str("acme/two"), &s), 0);
	assert_int_equal(control_sign_list(c, s.id, &e, &list), -ENOENT); /* not verified */
	assert_int_equal(control_sign_list(c, s.id, &d, &list), -ENOENT); /* another server's */
	assert_int_equal(control_domain_verify(c, span_str("acme/two"), &e), 0);
	assert_int_equal(control_sign_list(c, s.id, &e, &list), 0);
	assert_true(list.published);
	control_close(&c);
}

static struct control_server server_of(struct control *c, const char *name)
{
	struct control_server s;

	assert_int_equal(control_server_find(c, span_str(name), &s), 0);
	return s;
}

static void check_settings(struct control *c, const char *name, const struct control_settings *want)
{
	struct control_settings got = server_of(c, name).settings;

	if (got.development != want->development || got.send_limit != want->send_limit ||
	    got.bytes_limit != want->bytes_limit || got.allow_sender != want->allow_sender ||
	    got.privacy != want->privacy || strcmp(got.relay, want->relay) != 0)
		fail_msg("%s has other settings", name);
}

static void settings_are_set_one_by_one(void **state)
{
	struct control_settings all = {.development = true,
				       .send_limit = 100,
				       .bytes_limit = 1 << 20,
				       .allow_sender = true,
				       .privacy = true,
				       .relay = "relay.example:25"};
	struct control *c = open_for(DB_WRITE);
	struct span one = span_str("acme/one"), three = span_str("acme/three");
	struct control_settings none = {.send_limit = 0}, want = none;

	(void)state;
	fill(c);
	assert_int_equal(control_server_create_with(c, three, &all), 0);
	check_settings(c, "acme/three", &all);
	for (unsigned which = 1; which <= CONTROL_SET_RELAY; which *= 2) {
		check_settings(c, "acme/one", &want);
		assert_int_equal(control_server_set(c, one, &all, which), 0);
		want.development |= which == CONTROL_SET_DEVELOPMENT;
		want.send_limit = which >= CONTROL_SET_SEND_LIMIT ? all.send_limit : 0;
		want.bytes_limit = which >= CONTROL_SET_BYTES_LIMIT ? all.bytes_limit : 0;
		want.allow_sender = which >= CONTROL_SET_ALLOW_SENDER;
		want.privacy = which >= CONTROL_SET_PRIVACY;
		if (which == CONTROL_SET_RELAY)
			memcpy(want.relay, all.relay, sizeof(all.relay));
	}
	check_settings(c, "acme/one", &all);
	check_settings(c, "acme/two", &none);
	assert_int_equal(control_server_set(c, span_str("acme/no"), &all, 1), -ENOENT);
	control_close(&c);
}

static void a_server_is_suspended_by_itself_or_with_its_organisation(void **state)
{
	struct control *c = open_for(DB_WRITE);
	struct span acme = SPAN_LIT("acme"), one = SPAN_LIT("acme/one");
	struct control_server s;
	struct control_org org;
	struct wall since;

	(void)state;
	fill(c);
	assert_false(server_of(c, "acme/one").suspension.is);
	assert_int_equal(control_server_suspend(c, one, SPAN_LIT("spam")), 0);
	since = server_of(c, "acme/one").suspension.since;
	assert_true(since.ms > 0);
	assert_int_equal(control_server_suspend(c, one, SPAN_LIT("much spam")), 0);
	s = server_of(c, "acme/one");
	assert_true(s.suspension.is && !s.suspension.by_org && s.suspension.since.ms == since.ms);
	assert_string_equal(s.suspension.reason, "much spam");
	assert_false(server_of(c, "acme/two").suspension.is);

	assert_int_equal(control_org_suspend(c, acme, SPAN_LIT("unpaid")), 0);
	assert_string_equal(server_of(c, "acme/one").suspension.reason, "much spam");
	assert_int_equal(control_server_unsuspend(c, one), 0);
	s = server_of(c, "acme/one");
	assert_true(s.suspension.is && s.suspension.by_org);
	assert_string_equal(s.suspension.reason, "unpaid");
	assert_int_equal(control_org_find(c, acme, &org), 0);
	assert_true(org.suspension.is);
	assert_int_equal(control_org_unsuspend(c, acme), 0);
	s = server_of(c, "acme/one");
	assert_true(!s.suspension.is && !s.suspension.by_org && !s.suspension.reason[0]);
	assert_int_equal(control_org_suspend(c, SPAN_LIT("no"), SPAN_LIT("")), -ENOENT);
	assert_int_equal(control_org_suspend(c, acme, SPAN_LIT("a\nb")), -EINVAL);
	assert_int_equal(control_server_suspend(c, one, SPAN_LIT("\xff")), -EINVAL);
	control_close(&c);
}

/* Returns the credential's number. */
static uint64_t add(struct control *c, struct control_credential_new new, const char *network)
{
	struct control_credential row;
	struct conf_net net;

	if (network) {
		assert_int_equal(conf_net_read(span_str(network), &net), 0);
		new.network = &net;
	}
	if (control_credential_add(c, key, &new) != 0)
		fail_msg("%s", control_error(c));
	assert_int_equal(control_credential_find(c, new.server, new.type, new.name, &row), 0);
	assert_string_equal(row.network, network ? network : "");
	assert_int_equal(row.cram, new.cram);
	assert_int_equal(row.hold, new.hold);
	return row.id;
}

static void the_gate_tells_what_may_stop_a_copy(void **state)
{
	struct control *c = open_for(DB_WRITE);
	struct control_settings to = {
		.development = true, .send_limit = 7, .bytes_limit = 9, .relay = "r.example:25"};
	struct span one = SPAN_LIT("acme/one"), smtp = SPAN_LIT("smtp"), name = SPAN_LIT("h");
	struct control_gate g;
	uint64_t id, held;

	(void)state;
	fill(c);
	id = server_of(c, "acme/one").id;
	held = add(c,
		   (struct control_credential_new){.server = one,
						   .type = smtp,
						   .name = name,
						   .hold = true,
						   .secret = SPAN_LIT("s")},
		   NULL);
	assert_int_equal(control_gate(c, id, 1, &g), 0);
	assert_false(g.development || g.suspended || g.credential_hold || g.send_limit ||
		     g.bytes_limit || g.relay[0]);
	assert_int_equal(control_gate(c, id, held, &g), 0);
	assert_true(g.credential_hold && !g.suspended);
	assert_int_equal(control_gate(c, id, held + 1, &g), 0);
	assert_false(g.credential_hold);
	assert_int_equal(control_credential_hold(c, one, smtp, name, false), 0);
	assert_int_equal(control_gate(c, id, held, &g), 0);
	assert_false(g.credential_hold);
	assert_int_equal(control_credential_hold(c, one, smtp, SPAN_LIT("no"), true), -ENOENT);
	assert_int_equal(control_server_set(c, one, &to, 7 | CONTROL_SET_RELAY), 0);
	assert_int_equal(control_org_suspend(c, SPAN_LIT("acme"), SPAN_LIT("")), 0);
	assert_int_equal(control_gate(c, id, 0, &g), 0);
	assert_true(g.development && g.suspended && g.send_limit == 7 && g.bytes_limit == 9);
	assert_string_equal(g.relay, "r.example:25");
	assert_int_equal(control_gate(c, 4711, 0, &g), -ENOENT);
	control_close(&c);
}

static void the_version_changes_when_another_process_has_written(void **state)
{
	struct control *w = open_for(DB_WRITE), *r;
	uint64_t before, after;

	(void)state;
	fill(w);
	r = open_for(DB_READ);
	before = control_version(r);
	assert_int_not_equal(before, 0);
	assert_int_equal(control_version(r), before);
	assert_int_equal(control_org_suspend(w, SPAN_LIT("acme"), SPAN_LIT("")), 0);
	after = control_version(r);
	assert_int_not_equal(after, before);
	assert_int_equal(control_version(r), after);
	control_close(&r);
	r = open_for(DB_READ);
	assert_int_not_equal(control_version(r), before);
	assert_int_not_equal(control_version(r), after);
	control_close(&r);
	control_close(&w);
}

static const struct {
	const char *ip, *credential; /* NULL: none */
} addresses[] = {
	{"10.1.2.3", "host"},
	{"10.1.2.4", "small"},
	{"10.1.3.1", "large"},
	{"::ffff:10.1.2.3", "host"},
	{"::ffff:a01:301", "large"},
	{"11.1.2.3", NULL},
	{"9.255.255.255", NULL},
	{"2001:db8::1", "six"},
	{"2001:db8:1::1", "sixes"},
	{"2001:db9::1", NULL},
	{"::1", NULL},
	{"::a01:203", NULL},
	{"fe80::1%eth0", NULL},
	{"", NULL},
	{"localhost", NULL},
};

static void the_most_specific_network_counts(void **state)
{
	static const struct {
		const char *name, *network;
	} nets[] = {{"large", "10.0.0.0/8"},
		    {"small", "10.1.2.0/24"},
		    {"host", "10.1.2.3/32"},
		    {"six", "2001:db8::/48"},
		    {"sixes", "2001:db8::/32"}};
	struct control_credential_new new = {.server = SPAN_LIT("acme/one"),
					     .type = SPAN_LIT("smtp-ip")};
	struct control *c = open_for(DB_WRITE);
	struct control_auth auth;
	uint64_t ids[ARRAY_LEN(nets)];

	(void)state;
	fill(c);
	assert_int_equal(control_auth_network(c, "10.1.2.3", &auth), -ENOENT);
	for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
		new.name = span_str(nets[i].name);
		ids[i] = add(c, new, nets[i].network);
	}
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		int err = control_auth_network(c, addresses[i].ip, &auth);
		const char *got = NULL;

		for (size_t k = 0; !err && k < ARRAY_LEN(nets); k++)
			if (ids[k] == auth.credential)
				got = nets[k].name;
		if ((got == NULL) != (addresses[i].credential == NULL) ||
		    (got && strcmp(got, addresses[i].credential) != 0))
			fail_msg("%s: %s", addresses[i].ip, got ? got : "none");
	}
	control_close(&c);
}

static void a_network_is_of_one_server_only(void **state)
{
	struct control *c = open_for(DB_WRITE);
	struct control_credential_new new = {.server = SPAN_LIT("acme/one"),
					     .type = SPAN_LIT("smtp-ip"),
					     .name = SPAN_LIT("office")};
	uint8_t hash[CONTROL_HASH_SIZE];
	struct control_auth auth;
	struct conf_net net;

	(void)state;
	fill(c);
	add(c, new, "192.0.2.0/24");
	new.server = SPAN_LIT("acme/two");
	assert_int_equal(conf_net_read(SPAN_LIT("192.0.2.0/24"), &net), 0);
	new.network = &net;
	assert_int_equal(control_credential_add(c, key, &new), -EEXIST);
	assert_non_null(strstr(control_error(c), "network 192.0.2.0/24 already"));
	/* what stands for its secret is no password */
	control_secret_hash(key, SPAN_LIT("smtp-ip:192.0.2.0/24"), hash);
	assert_int_equal(control_auth(c, hash, "smtp", &auth), -ENOENT);
	assert_int_equal(control_auth(c, hash, "api", &auth), -ENOENT);
	control_close(&c);
}

/* CRAM-MD5: the user tim of RFC 2195 is a server here */
static const struct span challenge = SPAN_LIT("<1896.697170952@postoffice.reston.mci.net>");
static const uint8_t answer[] = {0xb9, 0x13, 0xa6, 0x02, 0xc7, 0xed, 0xa7, 0xa4,
				 0x95, 0xb4, 0xe6, 0xe7, 0x33, 0x4d, 0x38, 0x90};

static void cram_md5_tries_each_credential_made_for_it(void **state)
{
	struct control *c = open_for(DB_WRITE);
	struct control_credential_new new = {.server = SPAN_LIT("acme/one"),
					     .type = SPAN_LIT("smtp"),
					     .name = SPAN_LIT("plain"),
					     .secret = SPAN_LIT("plain only")};
	static const struct {
		const char *user;
		bool good;
	} users[] = {{"acme/one", true},   {"acme_one", true}, {"acme/two", false},
		     {"acme", false},	   {"", false},	       {"acme/one/", false},
		     {"acme//one", false}, {"one", false},     {"_", false}};
	uint8_t wrong[sizeof(answer)];
	struct control_auth auth;
	uint64_t id;
	bool has = true;

	(void)state;
	fill(c);
	add(c, new, NULL);
	assert_int_equal(control_has_cram(c, &has), 0);
	assert_false(has);
	new = (struct control_credential_new){.server = new.server,
					      .type = new.type,
					      .name = SPAN_LIT("first"),
					      .cram = true,
					      .secret = SPAN_LIT("another")};
	add(c, new, NULL);
	new.name = SPAN_LIT("tim");
	new.secret = SPAN_LIT("tanstaaftanstaaf");
	id = add(c, new, NULL);
	new.name = SPAN_LIT("last");
	new.secret = SPAN_LIT("a third");
	add(c, new, NULL);
	assert_int_equal(control_has_cram(c, &has), 0);
	assert_true(has);
	for (size_t i = 0; i < ARRAY_LEN(users); i++) {
		int err = control_auth_cram(c, span_str(users[i].user), challenge, answer, &auth);

		if (err != (users[i].good ? 0 : -ENOENT))
			fail_msg("%s: %d", users[i].user, err);
		if (!err)
			assert_int_equal(auth.credential, id);
	}
	for (size_t i = 0; i < sizeof(answer); i++) {
		memcpy(wrong, answer, sizeof(wrong));
		wrong[i] ^= 1;
		assert_int_equal(
			control_auth_cram(c, SPAN_LIT("acme/one"), challenge, wrong, &auth),
			-ENOENT);
	}
	control_close(&c);
}

static void the_credentials_for_cram_md5_of_a_server_are_limited(void **state)
{
	struct control *c = open_for(DB_WRITE);
	struct control_credential_new new = {
		.server = SPAN_LIT("acme/one"), .type = SPAN_LIT("smtp"), .cram = true};
	char name[32];
	int i;

	(void)state;
	fill(c);
	for (i = 0; i <= CONTROL_CRAMS_MAX; i++) {
		snprintf(name, sizeof(name), "number %d", i);
		new.name = new.secret = span_str(name);
		if (control_credential_add(c, key, &new) != 0)
			break;
	}
	assert_int_equal(i, CONTROL_CRAMS_MAX);
	assert_non_null(strstr(control_error(c), "100 credentials for CRAM-MD5"));
	new.server = SPAN_LIT("acme/two");
	assert_int_equal(control_credential_add(c, key, &new), 0);
	control_close(&c);
}

static void a_missing_or_foreign_database_says_so(void **state)
{
	char error[CONTROL_ERROR_SIZE] = "";

	(void)state;
	assert_null(control_open(DB_READ, error, sizeof(error)));
	assert_non_null(strstr(error, "org create"));
	FILE *f = fopen(CONTROL_PATH, "w");
	assert_non_null(f);
	fputs("this is no database, but long enough to look like a file of some kind", f);
	assert_int_equal(fclose(f), 0);
	assert_null(control_open(DB_WRITE, error, sizeof(error)));
	assert_non_null(strstr(error, "not a database"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(names_that_are_not_allowed_are_refused, files_remove),
		cmocka_unit_test_teardown(acceptors_find_credentials_and_domains, files_remove),
		cmocka_unit_test_teardown(what_a_check_finds_is_kept, files_remove),
		cmocka_unit_test_teardown(keys_are_rotated_by_overlap, files_remove),
		cmocka_unit_test_teardown(wrong_keys_are_told, files_remove),
		cmocka_unit_test_teardown(what_is_there_already_or_in_use_is_told, files_remove),
		cmocka_unit_test_teardown(deleted_things_are_gone_and_their_numbers_stay_unused,
					  files_remove),
		cmocka_unit_test_teardown(settings_are_set_one_by_one, files_remove),
		cmocka_unit_test_teardown(a_server_is_suspended_by_itself_or_with_its_organisation,
					  files_remove),
		cmocka_unit_test_teardown(the_gate_tells_what_may_stop_a_copy, files_remove),
		cmocka_unit_test_teardown(the_version_changes_when_another_process_has_written,
					  files_remove),
		cmocka_unit_test_teardown(the_most_specific_network_counts, files_remove),
		cmocka_unit_test_teardown(a_network_is_of_one_server_only, files_remove),
		cmocka_unit_test_teardown(cram_md5_tries_each_credential_made_for_it, files_remove),
		cmocka_unit_test_teardown(the_credentials_for_cram_md5_of_a_server_are_limited,
					  files_remove),
		cmocka_unit_test_teardown(a_missing_or_foreign_database_says_so, files_remove),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
