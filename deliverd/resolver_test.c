/*
 * resolver_test.c - names of dns.zone, and answer packets well-formed and not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "deliverd/resolver_answer.h"
#include "deliverd/resolver_zone.h"

static const char zone_text[] = "; comment\n"
				"\n"
				"one.test. 60 IN MX 10 mx.one.test ; comment\r\n"
				"a.b.one.test\t60\tIN\tTXT\t\"x ; y\"\n"
				"*.wild.test 60 IN A 192.0.2.1\n"
				"*.sub.wild.test 60 IN A 192.0.2.1\n"
				"host.wild.test 60 IN A 192.0.2.1\n"
				"_dmarc.ONE.test 60 IN TXT x";

struct added {
	size_t n;
	char last[100];
};

static const char *add(const char *record, void *arg)
{
	struct added *a = arg;

	a->n++;
	assert_true(strlen(record) < sizeof(a->last));
	memcpy(a->last, record, strlen(record) + 1);
	return strstr(record, "bad") ? "refused" : NULL;
}

static struct zone *zone_of(const char *text)
{
	struct added a = {0};
	struct zone *z = NULL;
	char error[ZONE_ERROR_SIZE];

	assert_int_equal(zone_parse("zone", span_str(text), add, &a, &z, error), 0);
	return z;
}

static const struct find_case {
	const char *name;
	enum zone_found want;
	const char *ask;
} find_cases[] = {
	{"one.test", ZONE_HERE, "one.test"},
	{"_dmarc.one.test", ZONE_HERE, "_dmarc.one.test"},
	{"b.one.test", ZONE_NO_DATA, NULL},
	{"mx.one.test", ZONE_NO_NAME, NULL},
	{"c.b.one.test", ZONE_NO_NAME, NULL},
	{"x.a.b.one.test", ZONE_NO_NAME, NULL},
	{"test", ZONE_ELSEWHERE, NULL},
	{"two.test", ZONE_ELSEWHERE, NULL},
	{"onextest", ZONE_ELSEWHERE, NULL},
	{"example.com", ZONE_ELSEWHERE, NULL},
	{"wild.test", ZONE_ELSEWHERE, NULL},
	{"x.wild.test", ZONE_HERE, "*.wild.test"},
	{"x.y.wild.test", ZONE_HERE, "*.wild.test"},
	{"sub.wild.test", ZONE_ELSEWHERE, NULL}, /* it exists: RFC 4592 2.2.2 */
	{"x.sub.wild.test", ZONE_HERE, "*.sub.wild.test"},
	{"host.wild.test", ZONE_HERE, "host.wild.test"},
	{"x.host.wild.test", ZONE_NO_NAME, NULL},
};

static void names_are_found_as_rfc_4592_wants(void **state)
{
	struct zone *z = zone_of(zone_text);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(find_cases); i++) {
		const struct find_case *c = &find_cases[i];
		char ask[ZONE_NAME_SIZE] = "";
		struct domain name;

		assert_int_equal(domain_parse_dns(span_str(c->name), &name), 0);
		if (zone_find(z, &name, ask) != c->want || strcmp(ask, c->ask ? c->ask : "") != 0)
			fail_msg("%s: %s", c->name, ask);
	}
	zone_free(&z);
	assert_null(z);
}

static void records_come_without_comments(void **state)
{
	struct added a = {0};
	struct zone *z;
	char error[ZONE_ERROR_SIZE];

	(void)state;
	assert_int_equal(zone_parse("z", SPAN_LIT("a.test 1 IN TXT \"x;\\\";\" ; y\r\n"), add, &a,
				    &z, error),
			 0);
	assert_string_equal(a.last, "a.test 1 IN TXT \"x;\\\";\"");
	assert_int_equal(a.n, 1);
	zone_free(&z);
}

static const char *const bad_lines[] = {
	" IN A 192.0.2.1",   "\ta.test IN A 192.0.2.1", "$TTL 60",	   "a..test IN A 192.0.2.1",
	"* IN A 192.0.2.1",  "*.*.test IN A 192.0.2.1", "a.*.test IN A 1", ". IN NS a",
	"bad.test IN A 192", "a.test IN A 1\x01",
};

static void mistakes_have_a_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_lines); i++) {
		struct added a = {0};
		struct zone *z = NULL;
		struct buf text;
		char error[ZONE_ERROR_SIZE];

		buf_init(&text, 1000);
		buf_fmt(&text, "; x\nok.test IN A 1\n%s\n", bad_lines[i]);
		if (zone_parse("f", buf_span(&text), add, &a, &z, error) != -EINVAL || z)
			fail_msg("accepted: %s", bad_lines[i]);
		assert_memory_equal(error, "f:3: ", 5);
		buf_done(&text);
	}
}

static void an_empty_zone_has_nothing(void **state)
{
	struct zone *z = zone_empty();
	struct domain name;
	char ask[ZONE_NAME_SIZE];

	(void)state;
	assert_int_equal(domain_parse(SPAN_LIT("a.b"), &name), 0);
	assert_int_equal(zone_find(z, &name, ask), ZONE_ELSEWHERE);
	zone_free(&z);
}

/* id, flags, 1 question, the given number of answers */
#define HEAD(rcode, n) "\0\0\201" rcode "\0\1\0" n "\0\0\0\0"
#define QUESTION "\3www\7example\3com\0\0\1\0\1" /* the name at 12, example.com at 16 */
#define RR(type) "\0" type "\0\1\0\0\0\74"	 /* type, IN, ttl 60 */

static const struct packet_case {
	const char *name;
	const char *packet;
	size_t n;
	uint16_t type;
	int want;
	size_t records;
	const char *first;
	size_t first_n;
} packet_cases[] = {
#define P(s) s, sizeof(s) - 1
	{"one address", P(HEAD("\200", "\1") QUESTION "\300\14" RR("\1") "\0\4\1\2\3\4"), DNS_A, 0,
	 1, P("\1\2\3\4")},
	{"other case", P(HEAD("\200", "\1") QUESTION "\3WWW\300\20" RR("\1") "\0\4\1\2\3\4"), DNS_A,
	 0, 1, P("\1\2\3\4")},
	{"MX, compressed", P(HEAD("\200", "\1") QUESTION "\300\14" RR("\17") "\0\7\0\5\2mx\300\20"),
	 DNS_MX, 0, 1, P("\0\5\2mx\7example\3com\0")},
	{"CNAME and address",
	 P(HEAD("\200", "\2") QUESTION "\300\14" RR("\5") "\0\4\1a\300\20"
							  "\1a\300\20" RR("\1") "\0\4\1\2\3\4"),
	 DNS_A, 0, 1, P("\1\2\3\4")},
	{"the CNAME itself", P(HEAD("\200", "\1") QUESTION "\300\14" RR("\5") "\0\4\1a\300\20"),
	 DNS_CNAME, 0, 1, P("\1a\7example\3com\0")},
	{"an address of another name",
	 P(HEAD("\200", "\1") QUESTION "\300\20" RR("\1") "\0\4\1\2\3\4"), DNS_A, 0, 0, NULL, 0},
	{"another class", P(HEAD("\200", "\1") QUESTION "\300\14\0\1\0\3\0\0\0\74\0\4\1\2\3\4"),
	 DNS_A, 0, 0, NULL, 0},
	{"nothing", P(HEAD("\200", "\0") QUESTION), DNS_A, 0, 0, NULL, 0},
	{"no header", P("\0\0\0"), DNS_A, -EINVAL, 0, NULL, 0},
	{"no question", P(HEAD("\200", "\0")), DNS_A, -EINVAL, 0, NULL, 0},
	{"fewer records", P(HEAD("\200", "\2") QUESTION "\300\14" RR("\1") "\0\4\1\2\3\4"), DNS_A,
	 -EINVAL, 0, NULL, 0},
	{"a cut record", P(HEAD("\200", "\1") QUESTION "\300\14" RR("\1") "\0\4\1\2\3"), DNS_A,
	 -EINVAL, 0, NULL, 0},
	{"a pointer to itself", P(HEAD("\200", "\1") QUESTION "\300\41" RR("\1") "\0\4\1\2\3\4"),
	 DNS_A, -EINVAL, 0, NULL, 0},
	{"a pointer forwards", P(HEAD("\200", "\1") QUESTION "\300\77" RR("\1") "\0\4\1\2\3\4"),
	 DNS_A, -EINVAL, 0, NULL, 0},
	{"a strange label", P(HEAD("\200", "\1") QUESTION "\100x\0" RR("\1") "\0\4\1\2\3\4"), DNS_A,
	 -EINVAL, 0, NULL, 0},
	{"MX without a name", P(HEAD("\200", "\1") QUESTION "\300\14" RR("\17") "\0\2\0\5"), DNS_MX,
	 -EINVAL, 0, NULL, 0},
	{"MX with more behind", P(HEAD("\200", "\1") QUESTION "\300\14" RR("\17") "\0\4\0\5\0x"),
	 DNS_MX, -EINVAL, 0, NULL, 0},
	{"a CNAME to itself", P(HEAD("\200", "\1") QUESTION "\300\14" RR("\5") "\0\2\300\14"),
	 DNS_A, -EINVAL, 0, NULL, 0},
};

static void packets_are_taken_apart(void **state)
{
	static struct answer a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(packet_cases); i++) {
		const struct packet_case *c = &packet_cases[i];
		int err = answer_read(span_of(c->packet, c->n), "www.Example.com", c->type, &a);

		if (err != c->want || (!err && a.n != c->records))
			fail_msg("%s: %d", c->name, err);
		if (!err && a.n) {
			assert_int_equal(a.records[0].n, c->first_n);
			assert_memory_equal(a.records[0].p, c->first, c->first_n);
			assert_int_equal(a.ttl, 60);
		}
	}
}

static void no_truncation_is_accepted(void **state)
{
	static const char packet[] = HEAD("\203", "\2") QUESTION
		"\300\14" RR("\5") "\0\4\1a\300\20"
				   "\1a\300\20" RR("\17") "\0\4\0\5\300\14";
	static struct answer a;

	(void)state;
	assert_int_equal(
		answer_read(span_of(packet, sizeof(packet) - 1), "www.example.com", DNS_MX, &a), 0);
	assert_int_equal(a.rcode, 3);
	assert_string_equal(a.end.s, "a.example.com");
	assert_int_equal(a.n, 1);
	for (size_t n = 0; n < sizeof(packet) - 1; n++)
		assert_int_equal(answer_read(span_of(packet, n), "www.example.com", DNS_MX, &a),
				 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_as_rfc_4592_wants),
		cmocka_unit_test(records_come_without_comments),
		cmocka_unit_test(mistakes_have_a_line),
		cmocka_unit_test(an_empty_zone_has_nothing),
		cmocka_unit_test(packets_are_taken_apart),
		cmocka_unit_test(no_truncation_is_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
