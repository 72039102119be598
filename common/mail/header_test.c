#include "common/mail/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

static const struct {
	const char *name;
	struct span msg;
	size_t fields;
	size_t body; /* bytes after the section */
	const char *last_name;
	struct span last_value;
} sections[] = {
	{"a header and a body", SPAN_LIT("A: 1\r\nB: 2\r\n\r\nbody"), 2, 4, "B", SPAN_LIT(" 2")},
	{"a header alone", SPAN_LIT("A: 1\r\n"), 1, 0, "A", SPAN_LIT(" 1")},
	{"an unfinished line", SPAN_LIT("A: 1"), 1, 0, "A", SPAN_LIT(" 1")},
	{"an empty value", SPAN_LIT("A:\r\n\r\n"), 1, 0, "A", SPAN_LIT("")},
	{"a value without blank", SPAN_LIT("A:b:c\r\n\r\n"), 1, 0, "A", SPAN_LIT("b:c")},
	{"folds stay", SPAN_LIT("A: 1\r\n 2\r\n\t3\r\n\r\nx"), 1, 1, "A",
	 SPAN_LIT(" 1\r\n 2\r\n\t3")},
	{"a fold of blanks is a fold", SPAN_LIT("A: 1\r\n \r\nB: 2\r\n\r\n"), 2, 0, "B",
	 SPAN_LIT(" 2")},
	{"a fold before all text", SPAN_LIT("A:\r\n 1\r\n\r\n"), 1, 0, "A", SPAN_LIT("\r\n 1")},
	{"blanks before the colon", SPAN_LIT("A \t: 1\r\n\r\n"), 1, 0, "A", SPAN_LIT(" 1")},
	{"an empty section", SPAN_LIT("\r\nA: 1\r\n"), 0, 6, NULL, SPAN_LIT("")},
	{"nothing", SPAN_LIT(""), 0, 0, NULL, SPAN_LIT("")},
	{"a first line that is a fold", SPAN_LIT(" A: 1\r\n"), 0, 7, NULL, SPAN_LIT("")},
	{"a line without colon is body", SPAN_LIT("A: 1\r\nfoo\r\nB: 2\r\n"), 1, 11, "A",
	 SPAN_LIT(" 1")},
	{"a blank in a name", SPAN_LIT("A: 1\r\nFrom x: 2\r\n\r\n"), 1, 13, "A", SPAN_LIT(" 1")},
	{"an mbox line", SPAN_LIT("From x@y Thu\r\nA: 1\r\n"), 0, 20, NULL, SPAN_LIT("")},
	{"a name of nothing", SPAN_LIT(": 1\r\n"), 0, 5, NULL, SPAN_LIT("")},
	{"an 8-bit name", SPAN_LIT("\xc3\xa4: 1\r\n"), 0, 7, NULL, SPAN_LIT("")},
	{"a colon after the fold", SPAN_LIT("A\r\n : 1\r\n"), 0, 9, NULL, SPAN_LIT("")},
	{"bare LF and CR end no line", SPAN_LIT("A: 1\nB: 2\rC: 3\r\n\r\n"), 1, 0, "A",
	 SPAN_LIT(" 1\nB: 2\rC: 3")},
	{"a NUL in a value", SPAN_LIT("A: 1\0002\r\n\r\n"), 1, 0, "A", SPAN_LIT(" 1\0002")},
	{"half an empty line", SPAN_LIT("A: 1\r\n\r"), 1, 1, "A", SPAN_LIT(" 1")},
	{"LF LF ends no section", SPAN_LIT("A: 1\n\nB: 2\r\n"), 1, 0, "A", SPAN_LIT(" 1\n\nB: 2")},
};

static void test_sections(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		struct span rest = sections[i].msg;
		struct header_field field = {.raw = {NULL, 0}};
		size_t n = 0, body = sections[i].msg.n - header_length(sections[i].msg);

		while (header_next(&rest, &field))
			n++;
		if (n != sections[i].fields || body != sections[i].body)
			fail_msg("%s: %zu fields, %zu left", sections[i].name, n, body);
		assert_int_equal(header_fields(sections[i].msg), n);
		if (n && (!span_eq_str(field.name, sections[i].last_name) ||
			  !span_eq(field.value, sections[i].last_value)))
			fail_msg("%s: \"%.*s\":\"%.*s\"", sections[i].name, SPAN_FMT(field.name),
				 SPAN_FMT(field.value));
	}
}

static void test_names(void **state UNUSED)
{
	struct span msg =
		SPAN_LIT("received: a\r\nSubject: x\r\nReceived : b\r\nReceived-SPF: c\r\n"
			 "\r\nReceived: d\r\n");
	struct header_field field;

	assert_int_equal(header_received(msg), 2);
	assert_int_equal(header_count(msg, "SUBJECT"), 1);
	assert_true(header_find(msg, "received", &field));
	assert_true(span_eq_str(field.raw, "received: a\r\n"));
	assert_false(header_find(msg, "To", &field));
}

static void test_names_behind_the_section(void **state UNUSED)
{
	static const struct {
		struct span header;
		const char *names; /* each with a blank after it */
	} cases[] = {
		{SPAN_LIT("A: 1\r\n\r\n"), ""},
		{SPAN_LIT("A: 1\r\nB: 2"), ""},
		{SPAN_LIT("A: 1\r\nno\r\nB: 2\r\n\r\nC: 3\r\n"), "B "},
		{SPAN_LIT("A: 1\r\n\r\nno\r\nB: 2\r\n"), ""},
		{SPAN_LIT("no\r\nB:\r\n C \t:\r\n\t\tD:E:\r\nF g:\r\nH:"), "B C D H "},
		{SPAN_LIT(" A: 1\r\n: 2\r\n\xc3\xa4: 3\r\nB\r\n: 4\r\n"), "A "},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct span rest = cases[i].header, name;
		struct header_field unused;
		struct buf found;

		buf_init(&found, 100);
		while (header_next(&rest, &unused))
			;
		while (header_hidden(&rest, &name))
			buf_fmt(&found, "%.*s ", SPAN_FMT(name));
		if (!span_eq_str(buf_span(&found), cases[i].names))
			fail_msg("%zu: \"%.*s\"", i, SPAN_FMT(buf_span(&found)));
		buf_done(&found);
	}
}

static void test_unfold(void **state UNUSED)
{
	static const struct {
		struct span in;
		const char *want;
	} table[] = {
		{SPAN_LIT(" a"), "a"},
		{SPAN_LIT("\r\n a \r\n\tb \r\n "), "a \tb"},
		{SPAN_LIT(""), ""},
		{SPAN_LIT(" \r\n \t"), ""},
		{SPAN_LIT("a\rb\nc"), "a\rb\nc"},
	};
	struct buf b;

	buf_init(&b, 100);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		buf_reset(&b);
		buf_str(&b, "x ");
		header_unfold(table[i].in, &b);
		assert_true(span_eq_str(span_from(buf_span(&b), 2), table[i].want));
	}
	buf_done(&b);
}

static const struct {
	const char *name;
	const char *value;
	int err;
	const char *want; /* addresses with a blank between them */
} lists[] = {
	{"an addr-spec", " a@B.de", 0, "a@b.de"},
	{"a display name", " Joe Doe <a@b.de>", 0, "a@b.de"},
	{"no display name", " <a@b.de>", 0, "a@b.de"},
	{"a display name with a dot", " Joe Q. Doe <a@b.de>", 0, "a@b.de"},
	{"a quoted display name", " \"Doe, \\\"Joe\\\" <x@y.de>\" <a@b.de>", 0, "a@b.de"},
	{"a display name next to its address", " Joe<a@b.de>", 0, "a@b.de"},
	{"an encoded word", " =?utf-8?q?J=C3=B6=3C?= =?utf-8?b?PHhAeT4=?= <a@b.de>", 0, "a@b.de"},
	{"a raw 8-bit display name", " J\xc3\xb6rg \xff <a@b.de>", 0, "a@b.de"},
	{"its own address as display name", " A@b.de <a@B.de>", 0, "A@b.de"},
	{"several mailboxes", " a@b.de, Joe <c@d.de>,e@f.de", 0, "a@b.de c@d.de e@f.de"},
	{"comments", " (a \\) (b)) a (,) @ (x@y.de) b.de (<z@z.de>)", 0, "a@b.de"},
	{"comments in brackets", " Joe (a) <(b) a@b.de (c)> (d)", 0, "a@b.de"},
	{"folds", "\r\n Joe\r\n\tDoe\r\n <a@b.de>\r\n ", 0, "a@b.de"},
	{"blanks around dots (obsolete)", " a . b @ c . de", 0, "a.b@c.de"},
	{"a quoted local part", " \"a b\"@c.de", 0, "\"a b\"@c.de"},
	{"a quoted @", " \"a@b.de\"@c.de", 0, "\"a@b.de\"@c.de"},
	{"a literal", " a@[192.0.2.1]", 0, "a@[192.0.2.1]"},
	{"20 are fine",
	 "a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,"
	 "a@b,a@b",
	 0, "a@b a@b a@b a@b a@b a@b a@b a@b a@b a@b a@b a@b a@b a@b a@b a@b a@b a@b a@b a@b"},
	{"21 are too many",
	 "a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,"
	 "a@b,a@b,a@b,a@b",
	 -HEADER_ERR_MANY, NULL},
	{"nothing", "", -HEADER_ERR_SYNTAX, NULL},
	{"blanks", " \r\n ", -HEADER_ERR_SYNTAX, NULL},
	{"a comment alone", " (a@b.de)", -HEADER_ERR_SYNTAX, NULL},
	{"a name alone", " Joe", -HEADER_ERR_SYNTAX, NULL},
	{"the null address", " <>", -HEADER_ERR_SYNTAX, NULL},
	{"another address as display name", " a@b.de <c@d.de>", -HEADER_ERR_SYNTAX, NULL},
	{"a second address behind", " <a@b.de> c@d.de", -HEADER_ERR_SYNTAX, NULL},
	{"two in brackets", " <a@b.de> <c@d.de>", -HEADER_ERR_SYNTAX, NULL},
	{"brackets in brackets", " <<a@b.de>>", -HEADER_ERR_SYNTAX, NULL},
	{"a name in brackets", " <Joe a@b.de>", -HEADER_ERR_SYNTAX, NULL},
	{"a blank in the domain", " a@b.de c.de", -HEADER_ERR_SYNTAX, NULL},
	{"two @", " a@b.de@c.de", -HEADER_ERR_SYNTAX, NULL},
	{"a comma in a display name", " Doe, Joe <a@b.de>", -HEADER_ERR_SYNTAX, NULL},
	{"a comma at the end", " a@b.de,", -HEADER_ERR_SYNTAX, NULL},
	{"a comma at the start", ", a@b.de", -HEADER_ERR_SYNTAX, NULL},
	{"a semicolon", " a@b.de; c@d.de", -HEADER_ERR_SYNTAX, NULL},
	{"an open bracket", " <a@b.de", -HEADER_ERR_SYNTAX, NULL},
	{"an open comment", " a@b.de (x", -HEADER_ERR_SYNTAX, NULL},
	{"an open inner comment", " a@b.de (x (y)", -HEADER_ERR_SYNTAX, NULL},
	{"an open quote", " \"Joe <a@b.de>", -HEADER_ERR_SYNTAX, NULL},
	{"a quoted end", " \"Joe\\", -HEADER_ERR_SYNTAX, NULL},
	{"an open literal", " a@[1.2.3.4", -HEADER_ERR_SYNTAX, NULL},
	{"a bare LF", " a@b.de\n c", -HEADER_ERR_SYNTAX, NULL},
	{"a bare CR in quotes", " \"a\rb\" <a@b.de>", -HEADER_ERR_SYNTAX, NULL},
	{"a bare LF in a comment", " (a\nb) <a@b.de>", -HEADER_ERR_SYNTAX, NULL},
	{"a fold in the middle of an atom", " a@b.d\r\n e", -HEADER_ERR_SYNTAX, NULL},
	{"a dot too many", " a..b@c.de", -HEADER_ERR_SYNTAX, NULL},
	{"a group", " Us: a@b.de, c@d.de;", -HEADER_ERR_GROUP, NULL},
	{"an empty group", " Undisclosed recipients:;", -HEADER_ERR_GROUP, NULL},
	{"a route", " <@x.de:a@b.de>", -HEADER_ERR_ROUTE, NULL},
	{"a UTF-8 local part", " j\xc3\xb6rg@b.de", -HEADER_ERR_UTF8, NULL},
	{"a UTF-8 domain", " <a@\xc3\xb6.de>", -HEADER_ERR_UTF8, NULL},
};

static void test_lists(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct addr out[HEADER_FROM_MAX];
		struct buf got;
		size_t n = 0;
		int err =
			header_mailboxes(span_str(lists[i].value), false, out, ARRAY_LEN(out), &n);

		if (err != lists[i].err)
			fail_msg("%s: %d (%s)", lists[i].name, err, header_error(err));
		buf_init(&got, 10000);
		for (size_t k = 0; k < n; k++) {
			buf_str(&got, k ? " " : "");
			buf_str(&got, out[k].s);
		}
		if (!span_eq_str(buf_span(&got), err ? "" : lists[i].want))
			fail_msg("%s: %.*s", lists[i].name, SPAN_FMT(got));
		buf_done(&got);
	}
}

/* With SMTPUTF8. */
static const struct {
	const char *name;
	const char *value;
	const char *want; /* NULL: HEADER_ERR_UTF8 */
} utf8s[] = {
	{"a local part", " J\xc3\xb6rg <j\xc3\xb6rg@b.de>", "j\xc3\xb6rg@b.de"},
	{"a domain", " a@M\xc3\xbcnchen.de", "a@xn--mnchen-3ya.de"},
	{"a quoted local part", " \"\xc3\xb6 x\"@b.de", "\"\xc3\xb6 x\"@b.de"},
	{"both spellings of a domain are one", " a@\xc3\xb6.de <a@xn--nda.de>", "a@xn--nda.de"},
	{"Latin-1 in a display name", " J\xf6rg <a@b.de>", "a@b.de"},
	{"Latin-1 in a local part", " j\xf6rg@b.de", NULL},
	{"Latin-1 in a domain", " a@\xf6.de", NULL},
	{"a domain that cannot be", " a@\xe2\x98\x83.de", NULL},
};

static void test_utf8(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(utf8s); i++) {
		struct addr out;
		size_t n = 0;
		int err = header_mailboxes(span_str(utf8s[i].value), true, &out, 1, &n);

		if (err != (utf8s[i].want ? 0 : -HEADER_ERR_UTF8))
			fail_msg("%s: %d (%s)", utf8s[i].name, err, header_error(err));
		if (!err && strcmp(out.s, utf8s[i].want) != 0)
			fail_msg("%s: %s", utf8s[i].name, out.s);
	}
}

static const struct {
	const char *name;
	const char *header;
	int err;
	size_t n;
} froms[] = {
	{"one field", "To: x\r\nfrom: a@b.de, c@d.de\r\n\r\n", 0, 2},
	{"no field", "To: x@y.de\r\n\r\nFrom: a@b.de\r\n", -HEADER_ERR_NO_FROM, 0},
	{"two fields", "From: a@b.de\r\nFROM : c@d.de\r\n", -HEADER_ERR_TWO_FROM, 0},
	{"the same twice", "From: a@b.de\r\nFrom: a@b.de\r\n", -HEADER_ERR_TWO_FROM, 0},
	{"an empty field", "From:\r\n\r\n", -HEADER_ERR_SYNTAX, 0},
	{"an unfinished line", "From: a@b.de", 0, 1},
};

static void test_from(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(froms); i++) {
		struct addr out[HEADER_FROM_MAX];
		size_t n = 0;
		int err = header_from(span_str(froms[i].header), false, out, &n);

		if (err != froms[i].err || n != froms[i].n)
			fail_msg("%s: %d (%s), %zu", froms[i].name, err, header_error(err), n);
	}
}

/* 200 kB of what could be quadratic or recursive. */
static void test_large_values_are_linear(void **state UNUSED)
{
	static const char *const units[] = {"(", "\"a\" ", "a ", "\r\n ", "(a)",
					    ".", "<",	   "\\", ","};
	struct addr out[HEADER_FROM_MAX];
	struct buf b;
	size_t n;

	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		buf_reset(&b);
		buf_str(&b, "From: ");
		while (b.n < 200000)
			buf_str(&b, units[i]);
		assert_true(header_from(buf_span(&b), true, out, &n) < 0);
	}
	buf_done(&b);
}

static void test_every_error_has_a_sentence(void **state UNUSED)
{
	for (int i = 0; i < HEADER_ERR_MAX; i++)
		assert_non_null(header_error(-i));
	assert_non_null(header_error(-1000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_names_behind_the_section),
		cmocka_unit_test(test_unfold),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_from),
		cmocka_unit_test(test_large_values_are_linear),
		cmocka_unit_test(test_every_error_has_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
