/*
 * records_test.c - the DNS records to publish, whole.
 */
#include "ctl/records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct control_key key_of(const char *text, enum control_key_state state)
{
	struct control_key k = {.state = state, .public_key = "DER", .public_key_n = 3};

	assert_int_equal(signkey_parse(span_str(text), &k.key), 0);
	return k;
}

static void a_domain_gets_all_its_records(void **state)
{
	static const char *const want[][4] = {
		{"a._domainkey.example.com", "TXT", "v=DKIM1; k=rsa; p=REVS", "is retired"},
		{"b._domainkey.example.com", "TXT", "v=DKIM1; k=rsa; p=REVS", "check our"},
		{"c._domainkey.example.com", "TXT", "v=DKIM1; k=ed25519; p=REVS", "is new"},
		{"example.com", "TXT", "posthaste-verification=abc", "is yours"},
		{"rp.example.com", "CNAME", "rp.host.example.", "bounces"},
		{"_dmarc.example.com", "TXT", "v=DMARC1; p=none", "p=none"},
		{"example.com", "TXT", "v=spf1 include:rp.host.example ~all", "include"},
		{"rp.host.example", "MX", "10 mail.host.example.", "bounces"},
		{"rp.host.example", "TXT", "v=spf1 a:mail.host.example -all", "return paths"},
	};
	const struct control_key keys[] = {
		key_of("example.com a rsa-sha256", CONTROL_KEY_RETIRED),
		key_of("example.com b rsa-sha256", CONTROL_KEY_ACTIVE),
		key_of("example.com c ed25519-sha256", CONTROL_KEY_NEW),
	};
	struct control_domain_row row = {.token = "abc", .name = keys[0].key.domain};
	struct records got = {.n = 0};
	struct conf conf;

	(void)state;
	memset(&conf, 0, sizeof(conf));
	assert_int_equal(domain_parse(SPAN_LIT("mail.host.example"), &conf.hostname), 0);
	assert_int_equal(domain_parse(SPAN_LIT("rp.host.example"), &conf.return_path_domain), 0);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		records_add_key(&got, &keys[i]);
	records_add_others(&got, &row, &conf);
	assert_int_equal(got.n, ARRAY_LEN(want));
	for (size_t i = 0; i < got.n; i++) {
		assert_string_equal(got.at[i].name, want[i][0]);
		assert_string_equal(record_type_name(&got.at[i]), want[i][1]);
		assert_string_equal(got.at[i].value, want[i][2]);
		assert_non_null(strstr(record_why(&got.at[i]), want[i][3]));
	}
}

static void the_return_path_domain_is_no_alias_of_itself(void **state)
{
	static struct records got;
	static struct conf conf;
	struct control_domain_row row = {.id = 1};

	(void)state;
	assert_int_equal(domain_parse(SPAN_LIT("host.example"), &row.name), 0);
	assert_int_equal(domain_parse(SPAN_LIT("rp.host.example"), &conf.return_path_domain), 0);
	records_add_others(&got, &row, &conf);
	assert_true(got.n > 0);
	for (size_t i = 0; i < got.n; i++)
		assert_int_not_equal(got.at[i].type, DNS_CNAME);
}

static void the_most_and_largest_keys_fit(void **state)
{
	struct control_key key = key_of("example.com s rsa-sha256", CONTROL_KEY_ACTIVE);
	struct control_domain_row row = {.name = key.key.domain};
	static struct records got;
	static struct conf conf;

	(void)state;
	key.public_key_n = CONTROL_PUBLIC_KEY_MAX;
	for (int i = 0; i < CONTROL_KEYS_MAX; i++)
		records_add_key(&got, &key);
	records_add_others(&got, &row, &conf);
	assert_int_equal(got.n, RECORDS_MAX);
	assert_true(strlen(got.at[0].value) > (size_t)CONTROL_PUBLIC_KEY_MAX * 4 / 3);
	assert_true(strlen(got.at[0].value) < RECORD_VALUE_SIZE - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_domain_gets_all_its_records),
		cmocka_unit_test(the_return_path_domain_is_no_alias_of_itself),
		cmocka_unit_test(the_most_and_largest_keys_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
