/*
 * dns_test.c - names and MX records from the wire, well-formed and not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/dns.h"

#define WIRE(s) s, sizeof(s) - 1

static const struct name_case {
	const char *name, *wire;
	size_t n;
	const char *want; /* NULL: refused */
} name_cases[] = {
	{"a host", WIRE("\2mx\7example\3com\0"), "mx.example.com"},
	{"upper case", WIRE("\2MX\7eXample\3com\0"), "mx.example.com"},
	{"underscores", WIRE("\6_dmarc\7example\3com\0"), "_dmarc.example.com"},
	{"one label", WIRE("\11localhost\0"), "localhost"},
	{"the root", WIRE("\0"), ""},
	{"nothing", WIRE(""), NULL},
	{"no end", WIRE("\2mx\7example\3com"), NULL},
	{"cut in a label", WIRE("\2mx\7exam"), NULL},
	{"cut after a length", WIRE("\2mx\7"), NULL},
	{"more behind it", WIRE("\2mx\3com\0x"), NULL},
	{"two roots", WIRE("\0\0"), NULL},
	{"a compression pointer", WIRE("\2mx\300\14"), NULL},
	{"a dot inside a label", WIRE("\5mx.ex\3com\0"), NULL},
	{"a NUL inside a label", WIRE("\3m\0x\3com\0"), NULL},
	{"a blank", WIRE("\3m x\3com\0"), NULL},
	{"a byte above 127", WIRE("\3m\377x\3com\0"), NULL},
	{"an address as a name", WIRE("\3192\0010\0012\0011\0"), NULL},
};

static void names_are_read_whole_or_not_at_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(name_cases); i++) {
		const struct name_case *c = &name_cases[i];
		struct domain d = {.n = 99};
		int err = dns_read_name(span_of(c->wire, c->n), &d);

		if ((err == 0) != (c->want != NULL))
			fail_msg("%s: %d", c->name, err);
		if (err == 0)
			assert_string_equal(d.s, c->want);
		else
			assert_int_equal(d.n, 99);
	}
}

static void the_longest_name_is_255_bytes(void **state)
{
	uint8_t wire[257];
	struct domain d;
	size_t n = 0;

	(void)state;
	for (size_t labels = 0; labels < 4; labels++) {
		size_t len = labels < 3 ? 63 : 61;

		wire[n++] = (uint8_t)len;
		memset(wire + n, 'a', len);
		n += len;
	}
	wire[n++] = 0;
	assert_int_equal(n, 255);
	assert_int_equal(dns_read_name(span_of(wire, n), &d), 0);
	assert_int_equal(d.n, 253);
	wire[192] = 62; /* the last label one longer */
	wire[254] = 'a';
	wire[255] = 0;
	assert_int_equal(dns_read_name(span_of(wire, 256), &d), -EINVAL);
}

static void mx_records_are_read(void **state)
{
	struct dns_mx mx;

	(void)state;
	assert_int_equal(dns_read_mx(SPAN_LIT("\1\2\2mx\3com\0"), &mx), 0);
	assert_int_equal(mx.preference, 258);
	assert_false(mx.is_null);
	assert_string_equal(mx.host.s, "mx.com");
	assert_int_equal(dns_read_mx(SPAN_LIT("\0\0\0"), &mx), 0);
	assert_true(mx.is_null);
	assert_int_equal(mx.host.n, 0);
	assert_int_equal(dns_read_mx(SPAN_LIT("\0\0"), &mx), -EINVAL);
	assert_int_equal(dns_read_mx(SPAN_LIT("\0"), &mx), -EINVAL);
	assert_int_equal(dns_read_mx(SPAN_LIT(""), &mx), -EINVAL);
	assert_int_equal(dns_read_mx(SPAN_LIT("\0\0\2mx"), &mx), -EINVAL);
	assert_int_equal(dns_read_mx(SPAN_LIT("\0\0\0\0"), &mx), -EINVAL);
}

static void the_strings_of_a_txt_record_are_joined(void **state)
{
	static const struct {
		const char *name, *wire;
		size_t n;
		const char *want; /* NULL: refused */
	} cases[] = {
		{"one", WIRE("\3abc"), "abc"},
		{"two", WIRE("\3abc\2de"), "abcde"},
		{"an empty one", WIRE("\0"), ""},
		{"an empty one in between", WIRE("\1a\0\1b"), "ab"},
		{"none", WIRE(""), NULL},
		{"cut", WIRE("\3ab"), NULL},
		{"cut after a length", WIRE("\1a\1"), NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		int err;

		buf_init(&b, 64);
		err = dns_read_txt(span_of(cases[i].wire, cases[i].n), &b);
		if ((err == 0) != (cases[i].want != NULL) ||
		    (!err && !span_eq_str(buf_span(&b), cases[i].want)))
			fail_msg("%s: %d %.*s", cases[i].name, err, SPAN_FMT(buf_span(&b)));
		buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_read_whole_or_not_at_all),
		cmocka_unit_test(the_longest_name_is_255_bytes),
		cmocka_unit_test(mx_records_are_read),
		cmocka_unit_test(the_strings_of_a_txt_record_are_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
