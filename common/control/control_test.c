/*
 * control_test.c - names, errors and the two questions, on a database in a folder of its own.
 */
#include "common/control/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

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

static void fill(struct control *c)
{
	struct domain d = domain_of("example.com"), e = domain_of("example.org");
	uint8_t hash[CONTROL_HASH_SIZE];

	assert_int_equal(control_org_create(c, span_str("acme")), 0);
	assert_int_equal(control_server_create(c, span_str("acme/one")), 0);
	assert_int_equal(control_server_create(c, span_str("acme/two")), 0);
	assert_int_equal(
		control_domain_create(c, span_str("acme/one"), &d, true, "phabc", SPAN_LIT("DER")),
		0);
	assert_int_equal(
		control_domain_create(c, span_str("acme/two"), &e, false, "phxyz", SPAN_LIT("DER")),
		0);
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
	assert_string_equal(domain.selector, "phabc");
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
	assert_int_equal(control_domain_create(c, one, &d, true, "s", SPAN_LIT("D")), -EEXIST);
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
	assert_int_equal(row.public_key_n, 3);
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
		cmocka_unit_test_teardown(what_is_there_already_or_in_use_is_told, files_remove),
		cmocka_unit_test_teardown(deleted_things_are_gone_and_their_numbers_stay_unused,
					  files_remove),
		cmocka_unit_test_teardown(a_missing_or_foreign_database_says_so, files_remove),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
