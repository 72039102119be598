/*
 * records_test.c - the DNS records to publish, whole.
 */
#include "ctl/records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void a_domain_gets_all_its_records(void **state)
{
	static const char *const want[][3] = {
		{"phabcdef._domainkey.example.com", "TXT", "v=DKIM1; k=rsa; p=REVS"},
		{"_dmarc.example.com", "TXT", "v=DMARC1; p=none"},
		{"example.com", "TXT", "v=spf1 include:rp.host.example ~all"},
		{"rp.host.example", "MX", "10 mail.host.example."},
		{"rp.host.example", "TXT", "v=spf1 a:mail.host.example -all"},
	};
	struct control_domain_row row = {
		.selector = "phabcdef", .public_key = "DER", .public_key_n = 3};
	struct records got;
	struct conf conf;

	(void)state;
	memset(&conf, 0, sizeof(conf));
	assert_int_equal(domain_parse(SPAN_LIT("example.com"), &row.name), 0);
	assert_int_equal(domain_parse(SPAN_LIT("mail.host.example"), &conf.hostname), 0);
	assert_int_equal(domain_parse(SPAN_LIT("rp.host.example"), &conf.return_path_domain), 0);
	records_make(&row, &conf, &got);
	assert_int_equal(got.n, ARRAY_LEN(want));
	for (size_t i = 0; i < got.n; i++) {
		assert_string_equal(got.at[i].name, want[i][0]);
		assert_string_equal(got.at[i].type, want[i][1]);
		assert_string_equal(got.at[i].value, want[i][2]);
	}
}

static void the_largest_key_fits(void **state)
{
	static struct control_domain_row row = {.selector = "s",
						.public_key_n = CONTROL_PUBLIC_KEY_MAX};
	static struct records got;
	static struct conf conf;

	(void)state;
	records_make(&row, &conf, &got);
	assert_true(strlen(got.at[0].value) > (size_t)CONTROL_PUBLIC_KEY_MAX * 4 / 3);
	assert_true(strlen(got.at[0].value) < RECORD_VALUE_SIZE - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_domain_gets_all_its_records),
		cmocka_unit_test(the_largest_key_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
