/*
 * records_judge_test.c - what DNS has, judged for each kind of record.
 */
#include "ctl/records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define DKIM "v=DKIM1; k=rsa; p=REVSREVS"
#define TOKEN "posthaste-verification=abc"
#define SPF "v=spf1 include:rp.host.example ~all"

static const struct text_case {
	enum record_kind kind;
	const char *want;
	const char *there[3];
	enum record_state state;
	const char *found;
} text_cases[] = {
	{RECORD_DKIM, DKIM, {NULL}, RECORD_MISSING, ""},
	{RECORD_DKIM, DKIM, {DKIM}, RECORD_FINE, DKIM},
	{RECORD_DKIM, DKIM, {"p=REVSREVS"}, RECORD_FINE, "p=REVSREVS"},
	{RECORD_DKIM,
	 DKIM,
	 {"v=DKIM1;p = REVS REVS ;t=s;"},
	 RECORD_FINE,
	 "v=DKIM1;p = REVS REVS ;t=s;"},
	{RECORD_DKIM, DKIM, {"v=DKIM1; p=REVSREV"}, RECORD_DIFFERENT, "v=DKIM1; p=REVSREV"},
	{RECORD_DKIM, DKIM, {"v=DKIM1; p=REVSREVSx"}, RECORD_DIFFERENT, "v=DKIM1; p=REVSREVSx"},
	{RECORD_DKIM, DKIM, {"v=DKIM1; p="}, RECORD_DIFFERENT, "v=DKIM1; p="},
	{RECORD_DKIM, DKIM, {"p"}, RECORD_DIFFERENT, "p"},
	{RECORD_DKIM, DKIM, {"v=DKIM2; p=REVSREVS"}, RECORD_DIFFERENT, "v=DKIM2; p=REVSREVS"},
	{RECORD_DKIM, DKIM, {"k=ed25519; p=REVSREVS"}, RECORD_DIFFERENT, "k=ed25519; p=REVSREVS"},
	{RECORD_DKIM_NEW,
	 "v=DKIM1; k=ed25519; p=AA",
	 {"k=ed25519; p=AA"},
	 RECORD_FINE,
	 "k=ed25519; p=AA"},
	{RECORD_DKIM_NEW, "v=DKIM1; k=ed25519; p=AA", {"p=AA"}, RECORD_DIFFERENT, "p=AA"},
	{RECORD_DKIM, DKIM, {"p=one", "p=two"}, RECORD_DIFFERENT, "p=one"},
	{RECORD_DKIM, DKIM, {"p=one", DKIM, "p=two"}, RECORD_FINE, DKIM},
	{RECORD_OWNERSHIP, TOKEN, {"other", "v=spf1 -all"}, RECORD_MISSING, ""},
	{RECORD_OWNERSHIP, TOKEN, {"other", TOKEN}, RECORD_FINE, TOKEN},
	{RECORD_OWNERSHIP, TOKEN, {" " TOKEN}, RECORD_MISSING, ""},
	{RECORD_OWNERSHIP, TOKEN, {TOKEN " "}, RECORD_FINE, TOKEN " "},
	{RECORD_OWNERSHIP, TOKEN, {TOKEN "d"}, RECORD_DIFFERENT, TOKEN "d"},
	{RECORD_OWNERSHIP,
	 TOKEN,
	 {"posthaste-verification=ABC"},
	 RECORD_DIFFERENT,
	 "posthaste-verification=ABC"},
	{RECORD_DMARC,
	 "v=DMARC1; p=none",
	 {"v=DMARC1; p=reject"},
	 RECORD_FINE,
	 "v=DMARC1; p=reject"},
	{RECORD_DMARC, "v=DMARC1; p=none", {"p=reject"}, RECORD_MISSING, ""},
	{RECORD_SPF,
	 SPF,
	 {"v=spf1 mx Include:RP.host.example -all"},
	 RECORD_FINE,
	 "v=spf1 mx Include:RP.host.example -all"},
	{RECORD_SPF,
	 SPF,
	 {"v=spf1 include:rp.host.example.org -all"},
	 RECORD_DIFFERENT,
	 "v=spf1 include:rp.host.example.org -all"},
	{RECORD_SPF, SPF, {"v=spf2 include:rp.host.example -all"}, RECORD_MISSING, ""},
	{RECORD_INSTANCE_SPF,
	 "v=spf1 a:mail.host.example -all",
	 {"v=spf1 ip4:192.0.2.1 -all"},
	 RECORD_FINE,
	 "v=spf1 ip4:192.0.2.1 -all"},
};

/* A TXT record of one string. */
static struct span txt(const char *text, uint8_t out[256])
{
	size_t n = strlen(text);

	assert_true(n < 256);
	out[0] = (uint8_t)n;
	memcpy(out + 1, text, n);
	return span_of(out, n + 1);
}

static struct record record_of(enum record_kind kind, enum dns_type type, const char *value)
{
	struct record r = {.kind = kind, .type = type};

	snprintf(r.value, sizeof(r.value), "%s", value);
	return r;
}

static void expect(size_t i, const struct record *r, const struct span *there, size_t n,
		   enum record_state state, const char *found)
{
	struct buf text;
	enum record_state got;

	buf_init(&text, 4096);
	got = record_judge(r, there, n, &text);
	if (got != state || !span_eq_str(buf_span(&text), found))
		fail_msg("case %zu: %d, %.*s", i, got, SPAN_FMT(buf_span(&text)));
	buf_done(&text);
}

static void texts_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(text_cases); i++) {
		const struct text_case *c = &text_cases[i];
		struct record r = record_of(c->kind, DNS_TXT, c->want);
		uint8_t wire[3][256];
		struct span there[3];
		size_t n = 0;

		for (; n < 3 && c->there[n]; n++)
			there[n] = txt(c->there[n], wire[n]);
		expect(i, &r, there, n, c->state, c->found);
	}
}

#define RP SPAN_LIT("\2rp\4host\7example\0")
#define MX_HERE SPAN_LIT("\0\12\4mail\4host\7example\0")
#define MX_OTHER SPAN_LIT("\0\24\2mx\5other\7example\0")

static void names_are_judged(void **state)
{
	const struct record cname = record_of(RECORD_RETURN_PATH, DNS_CNAME, "rp.host.example.");
	const struct record mx = record_of(RECORD_INSTANCE_MX, DNS_MX, "10 mail.host.example.");
	const struct span there[] = {MX_OTHER, MX_HERE};

	(void)state;
	expect(0, &cname, NULL, 0, RECORD_MISSING, "");
	expect(1, &cname, &RP, 1, RECORD_FINE, "rp.host.example.");
	expect(2, &cname, &SPAN_LIT("\1x\0"), 1, RECORD_DIFFERENT, "x.");
	expect(3, &cname, &SPAN_LIT("\2rp"), 1, RECORD_MISSING, ""); /* malformed */
	expect(4, &mx, there, 2, RECORD_FINE, "10 mail.host.example.");
	expect(5, &mx, there, 1, RECORD_DIFFERENT, "20 mx.other.example.");
	expect(6, &mx, NULL, 0, RECORD_MISSING, "");
}

static bool same(const struct span *a, size_t a_n, const struct span *b, size_t b_n)
{
	struct buf found;
	bool v;

	buf_init(&found, 4096);
	v = record_same_mx(a, a_n, b, b_n, &found);
	assert_int_equal(found.n > 0, a_n > 0);
	buf_done(&found);
	return v;
}

static void the_same_mx_are_the_same_hosts(void **state)
{
	const struct span both[] = {MX_HERE, MX_OTHER}, turned[] = {MX_OTHER, MX_HERE};

	(void)state;
	assert_true(same(both, 2, both, 2));
	assert_true(same(both, 2, turned, 2));
	assert_true(same(both, 1, both, 1));
	assert_false(same(both, 1, both, 2));
	assert_false(same(both, 2, both, 1));
	assert_false(same(both, 1, turned, 1));
	assert_false(same(both, 0, both, 1));
	assert_false(same(both, 0, both, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_judged),
		cmocka_unit_test(names_are_judged),
		cmocka_unit_test(the_same_mx_are_the_same_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
