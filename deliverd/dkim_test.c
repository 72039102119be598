/*
 * dkim_test.c - canonical forms by RFC 6376's own examples, awkward bodies, the choice of fields.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/sha.h>
#include <stdio.h>

#include "common/base.h"
#include "deliverd/dkim.h"

static const struct body_case {
	const char *name, *body, *relaxed, *simple;
} body_cases[] = {
	{"the example of RFC 6376 3.4.5", " C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n",
	 " C \r\nD \t E\r\n"},
	{"nothing", "", "", "\r\n"},
	{"only empty lines", "\r\n\r\n\r\n", "", "\r\n"},
	{"only blank lines", "  \r\n\t\r\n \t \r\n", "", "  \r\n\t\r\n \t \r\n"},
	{"blanks without a line end", " \t ", "", " \t \r\n"},
	{"no final line end", "abc", "abc\r\n", "abc\r\n"},
	{"no final line end after blanks", "abc \t", "abc\r\n", "abc \t\r\n"},
	{"empty lines at the start stay", "\r\n\r\nabc\r\n", "\r\n\r\nabc\r\n", "\r\n\r\nabc\r\n"},
	{"empty lines in the middle stay", "a\r\n\r\n \r\nb\r\n", "a\r\n\r\n\r\nb\r\n",
	 "a\r\n\r\n \r\nb\r\n"},
	{"a tab becomes a space", "a\tb\r\n", "a b\r\n", "a\tb\r\n"},
	{"leading blanks become one space", " \t a\r\n", " a\r\n", " \t a\r\n"},
	{"a lone CR is content", "a\rb\r\n", "a\rb\r\n", "a\rb\r\n"},
	{"a lone CR at the end", "a\r", "a\r\r\n", "a\r\r\n"},
	{"CR CR LF", "a\r\r\n", "a\r\r\n", "a\r\r\n"},
	{"a blank before CR CR LF stays", "a \r\r\n", "a \r\r\n", "a \r\r\n"},
	{"a lone LF is content", "a \nb\r\n", "a \nb\r\n", "a \nb\r\n"},
	{"LF CR LF", "\n\r\n", "\n\r\n", "\n\r\n"},
	{"dots are not touched", "..\r\n.\r\n", "..\r\n.\r\n", "..\r\n.\r\n"},
	{"bytes above 127", "\xc3\xa4  \xff\r\n", "\xc3\xa4 \xff\r\n", "\xc3\xa4  \xff\r\n"},
};

static void body_hash(struct span body, enum dkim_canon canon, size_t step,
		      uint8_t out[DKIM_HASH_SIZE])
{
	struct dkim_body b;

	dkim_body_init(&b, canon);
	while (body.n > 0) {
		dkim_body_add(&b, span_head(body, step));
		body = span_from(body, size_min(step, body.n));
	}
	dkim_body_done(&b, out);
}

static void check_body(const struct body_case *c, enum dkim_canon canon)
{
	const char *canonical = canon == DKIM_SIMPLE ? c->simple : c->relaxed;
	uint8_t want[DKIM_HASH_SIZE], got[DKIM_HASH_SIZE];

	SHA256((const uint8_t *)canonical, strlen(canonical), want);
	for (size_t step = 1; step <= strlen(c->body) + 1; step++) {
		body_hash(span_str(c->body), canon, step, got);
		if (memcmp(want, got, sizeof(got)) != 0)
			fail_msg("%s, %s, in pieces of %zu", c->name,
				 canon == DKIM_SIMPLE ? "simple" : "relaxed", step);
	}
}

static void bodies_have_the_hash_of_their_canonical_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(body_cases); i++) {
		check_body(&body_cases[i], DKIM_RELAXED);
		check_body(&body_cases[i], DKIM_SIMPLE);
	}
}

static void check_pieces(struct span body, enum dkim_canon canon)
{
	uint8_t want[DKIM_HASH_SIZE], got[DKIM_HASH_SIZE];

	body_hash(body, canon, body.n, want);
	for (size_t step = 1; step < 3000; step = step * 3 / 2 + 1) {
		body_hash(body, canon, step, got);
		assert_memory_equal(want, got, sizeof(got));
	}
}

static void a_long_body_does_not_depend_on_the_pieces(void **state)
{
	static uint8_t body[20000];
	const char *parts[] = {"\r\n", " ", "\t", "x", "word", "\r", "\n", "\r\n\r\n"};
	size_t n = 0;
	uint32_t random = 1;

	(void)state;
	while (n < sizeof(body) - 8) {
		random = random * 1664525 + 1013904223;
		const char *part = parts[random >> 29];
		memcpy(body + n, part, strlen(part));
		n += strlen(part);
	}
	check_pieces(span_of(body, n), DKIM_RELAXED);
	check_pieces(span_of(body, n), DKIM_SIMPLE);
}

/* Base64 of both is in RFC 6376 3.4.3 and 3.4.4. */
static void the_hashes_of_the_empty_body_are_those_of_the_rfc(void **state)
{
	static const uint8_t relaxed[] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
					  0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
					  0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
					  0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
	static const uint8_t simple[] = {0x7e, 0xb7, 0x02, 0x57, 0x59, 0x3d, 0xa0, 0x6f};
	uint8_t got[DKIM_HASH_SIZE];

	(void)state;
	body_hash(SPAN_LIT("\r\n"), DKIM_RELAXED, 9, got);
	assert_memory_equal(got, relaxed, sizeof(relaxed));
	body_hash(SPAN_LIT("\r\n"), DKIM_SIMPLE, 9, got);
	assert_memory_equal(got, simple, sizeof(simple));
}

static void a_body_can_be_given_up(void **state)
{
	struct dkim_body b = {0};

	(void)state;
	dkim_body_done(&b, NULL);
	dkim_body_init(&b, DKIM_SIMPLE);
	dkim_body_add(&b, SPAN_LIT("x"));
	dkim_body_done(&b, NULL);
	dkim_body_done(&b, NULL);
}

static const struct field_case {
	const char *name, *value, *canonical;
} field_cases[] = {
	{"A", " X", "a:X\r\n"}, /* both are RFC 6376 3.4.5 */
	{"B", " Y\t\r\n\tZ  ", "b:Y Z\r\n"},
	{"SUBJect", "", "subject:\r\n"},
	{"Subject", " \t\r\n \r\n\t", "subject:\r\n"},
	{"Subject", "\r\n one\r\n two \r\n\tthree", "subject:one two three\r\n"},
	{"Subject", " a\rb\nc", "subject:a\rb\nc\r\n"},
	{"Subject", " a:b : c", "subject:a:b : c\r\n"},
};

static void fields_become_canonical(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(field_cases); i++) {
		const struct field_case *c = &field_cases[i];
		struct buf out;

		buf_init(&out, 1000);
		dkim_relax_field(span_str(c->name), span_str(c->value), &out);
		assert_int_equal(out.n, strlen(c->canonical));
		assert_memory_equal(out.p, c->canonical, out.n);
		buf_done(&out);
	}
}

static const struct wall now = {1790000000999};
static const struct dkim_params plain = {.now = now};

/* The field's text and the hash, or the error. */
static int make(const char *header, const char *key_text, const struct dkim_params *params,
		struct buf *field, uint8_t hash[DKIM_HASH_SIZE])
{
	struct signkey key;
	uint8_t body[DKIM_HASH_SIZE] = {0};

	assert_int_equal(signkey_parse(span_str(key_text), &key), 0);
	buf_init(field, DKIM_FIELD_MAX);
	return dkim_field(span_str(header), &key, params, body, field, hash);
}

static const char rsa[] = "example.com 20261123 rsa-sha256";

#define LIST                                                                     \
	"\r\n h=From:From:To:To:To:Cc:Subject:Subject:Date:Reply-To:Message-ID:" \
	"\r\n MIME-Version:Content-Type:List-Id;"                                \
	"\r\n bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;\r\n b="

static const struct made_case {
	const char *key;
	struct dkim_params params;
	const char *field;     /* as it is sent, up to "b=" */
	const char *canonical; /* what is hashed of the header */
	const char *own;       /* and of the field; NULL: as it is sent */
} made_cases[] = {
	{rsa,
	 {.now = now},
	 "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n d=example.com;\r\n"
	 " s=20261123; t=1790000000;" LIST,
	 "from:c@example.com\r\nto:b@example.net\r\nto:A <a@example.net>\r\nsubject:s t\r\n"
	 "list-id:<l.example.com>\r\n",
	 "dkim-signature:v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=20261123; "
	 "t=1790000000; h=From:From:To:To:To:Cc:Subject:Subject:Date:Reply-To:Message-ID: "
	 "MIME-Version:Content-Type:List-Id; "
	 "bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=; b="},
	{"example.com s ed25519-sha256",
	 {.header = DKIM_SIMPLE, .now = now, .expire_ms = 1},
	 "DKIM-Signature: v=1; a=ed25519-sha256; c=simple/relaxed;\r\n d=example.com;\r\n"
	 " s=s; t=1790000000; x=1790000001;" LIST,
	 "FROM : c@example.com\r\nto:  b@example.net\r\nTo: A <a@example.net>\r\n"
	 "Subject: s\r\n\tt \r\nList-Id: <l.example.com>\r\n",
	 NULL},
};

static void a_field_and_its_hash_are_these(const struct made_case *c)
{
	const char *header = "X-One: 1\r\nReceived: x\r\nTo: A <a@example.net>\r\n"
			     "to:  b@example.net\r\nFROM : c@example.com\r\n"
			     "List-Id: <l.example.com>\r\nSubject: s\r\n\tt \r\n\r\nFrom: body\r\n";
	uint8_t want[DKIM_HASH_SIZE], got[DKIM_HASH_SIZE];
	struct buf field, data;

	assert_int_equal(make(header, c->key, &c->params, &field, got), 0);
	assert_int_equal(field.n, strlen(c->field));
	assert_memory_equal(field.p, c->field, field.n);
	buf_init(&data, 4096);
	buf_str(&data, c->canonical);
	buf_str(&data, c->own ? c->own : c->field);
	SHA256(data.p, data.n, want);
	assert_memory_equal(want, got, sizeof(got));
	buf_done(&data);
	buf_done(&field);
}

static void fields_and_their_hashes_are_these(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(made_cases); i++)
		a_field_and_its_hash_are_these(&made_cases[i]);
}

static void a_last_field_without_line_end_gets_one(void **state)
{
	const struct dkim_params simple = {.header = DKIM_SIMPLE, .body = DKIM_SIMPLE, .now = now};
	uint8_t with[DKIM_HASH_SIZE], without[DKIM_HASH_SIZE];
	struct buf field;

	(void)state;
	assert_int_equal(make("From: a@b.example\r\n", rsa, &simple, &field, with), 0);
	buf_done(&field);
	assert_int_equal(make("From: a@b.example", rsa, &simple, &field, without), 0);
	buf_done(&field);
	assert_memory_equal(with, without, sizeof(with));
}

static void lines_are_at_most_76_wide(struct span text)
{
	while (text.n > 0) {
		size_t lf = span_find(text, '\n');

		assert_true(lf < text.n && lf > 1 && text.p[lf - 1] == '\r');
		assert_true(lf - 1 <= 76);
		text = span_from(text, lf + 1);
		assert_true(text.n == 0 || text.p[0] == ' ');
	}
}

static void a_finished_field_is_folded_and_ends(void **state)
{
	uint8_t hash[DKIM_HASH_SIZE], signature[512] = {0};

	(void)state;
	for (size_t n = 0; n <= sizeof(signature); n++) {
		struct buf field;

		assert_int_equal(make("From: a@b.example\r\n", rsa, &plain, &field, hash), 0);
		dkim_complete(&field, span_of(signature, n));
		assert_true(buf_ok(&field));
		lines_are_at_most_76_wide(buf_span(&field));
		buf_done(&field);
	}
}

static void without_from_nothing_is_signed(void **state)
{
	uint8_t hash[DKIM_HASH_SIZE];
	struct buf field;

	(void)state;
	assert_int_equal(
		make("To: a@b.example\r\n\r\nFrom: a@b.example\r\n", rsa, &plain, &field, hash),
		-EINVAL);
	buf_done(&field);
}

static void too_many_fields_of_a_name_are_signed_from_below(void **state)
{
	uint8_t hash[DKIM_HASH_SIZE], again[DKIM_HASH_SIZE];
	struct buf header, field;

	(void)state;
	buf_init(&header, 1 << 20);
	buf_str(&header, "To: first\r\nFrom: a@b.example\r\n");
	for (int i = 0; i < 2000; i++)
		buf_str(&header, "To: a@b.example\r\nResent-Message-ID: <1@b.example>\r\n");
	buf_byte(&header, '\0');
	assert_int_equal(make((const char *)header.p, rsa, &plain, &field, hash), 0);
	assert_true(field.n < 4000);
	buf_done(&field);
	memcpy(header.p, "To: FIRST", 9);
	assert_int_equal(make((const char *)header.p, rsa, &plain, &field, again), 0);
	assert_memory_equal(hash, again, sizeof(hash));
	buf_done(&field);
	buf_done(&header);
}

static void a_missing_empty_line_is_seen(void **state)
{
	(void)state;
	assert_true(dkim_header_ends(SPAN_LIT("A: b\r\n\r\n")));
	assert_true(dkim_header_ends(SPAN_LIT("\r\nbody")));
	assert_false(dkim_header_ends(SPAN_LIT("A: b\r\n")));
	assert_false(dkim_header_ends(SPAN_LIT("A: b\r\nno field\r\n\r\n")));
	assert_false(dkim_header_ends(SPAN_LIT("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_have_the_hash_of_their_canonical_form),
		cmocka_unit_test(a_long_body_does_not_depend_on_the_pieces),
		cmocka_unit_test(the_hashes_of_the_empty_body_are_those_of_the_rfc),
		cmocka_unit_test(a_body_can_be_given_up),
		cmocka_unit_test(fields_become_canonical),
		cmocka_unit_test(fields_and_their_hashes_are_these),
		cmocka_unit_test(a_last_field_without_line_end_gets_one),
		cmocka_unit_test(a_finished_field_is_folded_and_ends),
		cmocka_unit_test(without_from_nothing_is_signed),
		cmocka_unit_test(too_many_fields_of_a_name_are_signed_from_below),
		cmocka_unit_test(a_missing_empty_line_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
