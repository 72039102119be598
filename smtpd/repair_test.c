#include "smtpd/repair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>

#include "common/mail/header.h"

#define ID "0193abcdef0170008000000000000001"
#define DATE "Date: Tue, 24 Nov 2026 10:00:00 +0000\r\n"
#define MSGID "Message-ID: <" ID "@from.test>\r\n"
#define FROM "From: a@from.test\r\n"
/* has both, so that nothing is added */
#define WHOLE FROM "Date: x\r\nMessage-ID: y\r\n"

static const struct qid id = {.s = ID};
static const struct domain domain = {.n = 9, .s = "from.test"};
static const struct repair_facts facts = {
	.id = &id, .domain = &domain, .now = {INT64_C(1795514400000)}};

static const struct {
	const char *name;
	const char *in;
	const char *out;
} sections[] = {
	{"nothing is missing", WHOLE "\r\n", WHOLE "\r\n"},
	{"Date and Message-ID are added at the end", FROM "\r\n", FROM DATE MSGID "\r\n"},
	{"Date alone", FROM "message-id:\r\nTo: b\r\n\r\n",
	 FROM "message-id:\r\nTo: b\r\n" DATE "\r\n"},
	{"Message-ID alone", "DATE : soon\r\n" FROM "\r\n", "DATE : soon\r\n" FROM MSGID "\r\n"},
	{"odd ones are left as they are", FROM "Date:\r\nDate: 1\r\nMessage-ID: a b\r\n\r\n",
	 FROM "Date:\r\nDate: 1\r\nMessage-ID: a b\r\n\r\n"},
	{"Resent-Date and X-Date are no Date", FROM "Resent-Date: a\r\nX-Date: b\r\n\r\n",
	 FROM "Resent-Date: a\r\nX-Date: b\r\n" DATE MSGID "\r\n"},

	{"no empty line", FROM, FROM DATE MSGID},
	{"no line end", "To: b\r\nFrom: a@from.test", "To: b\r\n" FROM DATE MSGID},
	{"no line end and nothing to add", WHOLE "To: b", WHOLE "To: b"},
	{"a removed last field without line end", FROM "Bcc: b", FROM DATE MSGID},
	{"an empty section", "\r\n", DATE MSGID "\r\n"},
	{"nothing at all", "", DATE MSGID},
	{"the section ends before a line that is no field", FROM "no field\r\nCc: b\r\n\r\n",
	 FROM DATE MSGID "no field\r\nCc: b\r\n\r\n"},
	{"a fold that follows no field", " a: b\r\n\r\n", " a: b\r\n\r\n"},
	{"an mbox line in front", "From a Mon\r\n" FROM "\r\n",
	 DATE MSGID "From a Mon\r\n" FROM "\r\n"},

	{"Bcc is removed", WHOLE "Bcc: b@c.test\r\nTo: d\r\n\r\n", WHOLE "To: d\r\n\r\n"},
	{"in any case, with folds, more than once",
	 "bcc: a,\r\n b,\r\n\tc\r\n" WHOLE "BCC:d\r\nTo: e\r\nBcc \t: f\r\n \r\n\r\n",
	 WHOLE "To: e\r\n\r\n"},
	{"Resent-Bcc, Return-Path, Content-Length",
	 "Return-Path: <a>\r\n" WHOLE "resent-bcc: b\r\nContent-length: 5\r\n\r\n", WHOLE "\r\n"},
	{"names that only begin alike stay",
	 WHOLE "Bcc-To: a\r\nX-Bcc: b\r\nReturn-Path-X: c\r\nContent-Length-X: d\r\n\r\n",
	 WHOLE "Bcc-To: a\r\nX-Bcc: b\r\nReturn-Path-X: c\r\nContent-Length-X: d\r\n\r\n"},
	{"option fields are removed",
	 "X-Postal-Tag: a\r\n" WHOLE "X-Posthaste-Tag: a\r\nx-posthaste-stream: b\r\n"
	 "X-Posthaste-Metadata: {\"a\":\r\n \"b\"}\r\nX-Posthaste-Idempotency-Key: c\r\n"
	 "X-Posthaste-Track: no\r\nX-Posthaste-Expires: 5m\r\n\r\n",
	 WHOLE "\r\n"},
	{"X-Postal-MsgID and a reference stay",
	 WHOLE "X-Postal-MsgID: a\r\nX-Posthaste-Ref: b\r\nX-Postal-Spam: c\r\n\r\n",
	 WHOLE "X-Postal-MsgID: a\r\nX-Posthaste-Ref: b\r\nX-Postal-Spam: c\r\n\r\n"},

	{"folds, tabs, blanks and empty values",
	 WHOLE "Subject:\ta \r\n\t b\t\r\n \r\n\tc\r\nTo :d\r\nCc:\r\nX:  \r\n\r\n",
	 WHOLE "Subject:\ta \r\n\t b\t\r\n \r\n\tc\r\nTo :d\r\nCc:\r\nX:  \r\n\r\n"},
	{"8-bit, invalid UTF-8, DEL", WHOLE "Subject: Gr\xc3\xbc\xc3\x9f\xff\xfe\x7f\r\n\r\n",
	 WHOLE "Subject: Gr\xc3\xbc\xc3\x9f\xff\xfe\x7f\r\n\r\n"},
	{"duplicates in their order", WHOLE "To: a\r\nTo: b\r\nSubject: c\r\nTo: a\r\n\r\n",
	 WHOLE "To: a\r\nTo: b\r\nSubject: c\r\nTo: a\r\n\r\n"},
	{"bare CR and LF inside a field", WHOLE "X: a\rBcc: b\nBcc: c\r\n\r\n",
	 WHOLE "X: a\rBcc: b\nBcc: c\r\n\r\n"},
};

static void test_sections(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		struct repair r;

		repair_header(span_str(sections[i].in), &facts, &r);
		if (r.refusal[0] || !span_eq_str(buf_span(&r.header), sections[i].out))
			fail_msg("%s: %s %.*s", sections[i].name, r.refusal,
				 SPAN_FMT(buf_span(&r.header)));
		repair_done(&r);
	}
}

static void test_repaired_is_not_repaired_again(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		struct repair once, twice;

		repair_header(span_str(sections[i].in), &facts, &once);
		repair_header(buf_span(&once.header), &facts, &twice);
		if (!span_eq(buf_span(&once.header), buf_span(&twice.header)))
			fail_msg("%s: %.*s", sections[i].name, SPAN_FMT(buf_span(&twice.header)));
		repair_done(&once);
		repair_done(&twice);
	}
}

static void test_a_very_long_section_stays(void **state UNUSED)
{
	struct buf b;
	struct repair r;

	buf_init(&b, LIMIT_HEADER);
	buf_str(&b, WHOLE "Subject: ");
	while (b.n < LIMIT_HEADER / 2)
		buf_str(&b, "long line without any fold ");
	buf_str(&b, "\r\n");
	while (b.n < LIMIT_HEADER - 20)
		buf_str(&b, "X: y\r\n z\r\n");
	buf_str(&b, "\r\n");
	assert_true(buf_ok(&b));
	repair_header(buf_span(&b), &facts, &r);
	assert_true(span_eq(buf_span(&r.header), buf_span(&b)));
	repair_done(&r);
	buf_done(&b);
}

/* options */

static const struct {
	const char *name;
	const char *in;
	const char *tag;
} tags[] = {
	{"Postal's name", "X-Postal-Tag: a\r\n", "a"},
	{"of several the last", "X-Postal-Tag: a\r\nX-Postal-Tag: b\r\n", "b"},
	{"ours wins when it comes first", "X-Posthaste-Tag: a\r\nX-Postal-Tag: b\r\n", "a"},
	{"ours wins when it comes last", "X-Postal-Tag: b\r\nX-Posthaste-Tag: a\r\n", "a"},
	{"of several of ours the last", "X-Posthaste-Tag: a\r\nX-Posthaste-Tag: b\r\n", "b"},
	{"blanks and folds", "X-Posthaste-Tag: \t a\r\n\tb\t\r\n \r\n", "a b"},
	{"an encoded word stands for itself", "X-Posthaste-Tag: =?utf-8?q?a?=\r\n",
	 "=?utf-8?q?a?="},
	{"in the body it is none", "Subject: a\r\n\r\nX-Posthaste-Tag: a\r\n", ""},
	{"none", "Subject: a\r\n", ""},
};

static void test_tags(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		struct repair r;

		repair_header(span_str(tags[i].in), &facts, &r);
		if (r.refusal[0] || strcmp(r.options.tag, tags[i].tag) != 0)
			fail_msg("%s: %s \"%s\"", tags[i].name, r.refusal, r.options.tag);
		repair_done(&r);
	}
}

static void test_all_options_are_read(void **state UNUSED)
{
	struct repair r;

	repair_header(SPAN_LIT("X-Posthaste-Stream: News\r\n"
			       "X-Posthaste-Metadata: {\"a\":\r\n\t\"b\"}\r\n"
			       "X-Posthaste-Idempotency-Key: order 17\r\n"
			       "X-Posthaste-Track: opens,\r\n clicks\r\n"
			       "X-Posthaste-Expires: 10m\r\n\r\n"),
		      &facts, &r);
	assert_string_equal(r.refusal, "");
	assert_string_equal(r.options.stream, "news");
	assert_string_equal(r.options.metadata, "{\"a\":\"b\"}");
	assert_string_equal(r.options.idempotency, "order 17");
	assert_int_equal(r.options.track, TRACK_OPENS | TRACK_CLICKS);
	assert_true(r.options.expires.ms == facts.now.ms + 600000);
	repair_done(&r);
}

static const struct {
	const char *in;
	const char *reply;
} refusals[] = {
	{"X-Posthaste-Expires: tomorrow\r\n",
	 "550 5.6.0 X-Posthaste-Expires: is no time; write it like 90s, 10m, 36h or 2d, or a date "
	 "with its zone"},
	{"x-posthaste-track: maybe\r\n",
	 "550 5.6.0 X-Posthaste-Track: is not known; write opens, clicks, both with a comma "
	 "between, or no"},
	{"X-Postal-Tag: \xff\r\nX-Posthaste-Tag: a\r\n",
	 "550 5.6.0 X-Postal-Tag: is empty or no text; write 1 to 255 bytes of UTF-8 without "
	 "control characters"},
	{"X-Posthaste-Tags: a\r\n",
	 "550 5.6.0 X-Posthaste-Tags: there is no such option; did you mean X-Posthaste-Tag?"},
	{"X-Posthaste-Colour: a\r\n",
	 "550 5.6.0 X-Posthaste-Colour: there is no such option; there are Tag, Stream, Metadata, "
	 "Idempotency-Key, Track and Expires"},
	{"X-Posthaste-0123456789012345678901234567890123456789012345678901234567890: a\r\n",
	 "550 5.6.0 X-Posthaste-012345678901234567890123456789012345678901234567: there is no such "
	 "option; there are Tag, Stream, Metadata, Idempotency-Key, Track and Expires"},
	{FROM "a\r\nTo: b\r\nResent-Bcc \t: c\r\n\r\n",
	 "550 5.6.0 Line 2 of the header is no field, and Resent-Bcc stands behind it"},
	{FROM "To: a,\r\n b\r\n\xff: c\r\n\tx-posthaste-tag: d\r\n\r\n",
	 "550 5.6.0 Line 4 of the header is no field, and x-posthaste-tag stands behind it"},
	{" a: b\r\nX-Posthaste-0123456789012345678901234567890123456789012345678901234567890:",
	 "550 5.6.0 Line 1 of the header is no field, and "
	 "X-Posthaste-012345678901234567890123456789012345678901234567 stands behind it"},
	{"X-Posthaste-Tag: a\rb\r\n", "550 5.6.0 X-Posthaste-Tag: is empty or no text; write 1 to "
				      "255 bytes of UTF-8 without control characters"},
};

static void test_refusals_name_the_field(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		struct repair r;

		repair_header(span_str(refusals[i].in), &facts, &r);
		assert_string_equal(r.refusal, refusals[i].reply);
		repair_done(&r);
	}
}

/* No text of options.c is cut. */
static void test_the_longest_refusal_fits(void **state UNUSED)
{
	static const char *const values[] = {
		"", "\xff", "{\"a\":1,\"a\":1}", "{\"a\":[]}", "[]", "9999d", "1ms"};

	for (size_t which = OPTION_POSTAL_TAG; which < OPTION_COUNT; which++) {
		for (size_t i = 0; i < ARRAY_LEN(values); i++) {
			struct repair r;
			char in[128];

			snprintf(in, sizeof(in), "%s: %s\r\n", options_name((enum option)which),
				 values[i]);
			repair_header(span_str(in), &facts, &r);
			assert_true(strlen(r.refusal) < REPAIR_REPLY_SIZE - 1);
			repair_done(&r);
		}
	}
}

/* loops */

static void test_many_hops_are_a_loop(void **state UNUSED)
{
	static const uint8_t key[TOKEN_KEY_SIZE] = {1};
	struct buf b;

	buf_init(&b, 8192);
	for (int i = 0; i < LIMIT_HOPS; i++) {
		assert_null(repair_loop(buf_span(&b), key));
		buf_str(&b, "received: by a\r\n");
	}
	assert_string_equal(repair_loop(buf_span(&b), key),
			    "554 5.4.6 Too many hops: the message goes in a circle");
	buf_done(&b);
}

static void test_our_own_mark_is_a_loop(void **state UNUSED)
{
	static const char loop[] = "554 5.4.6 This message was sent from here before: it goes in "
				   "a circle";
	uint8_t master[TOKEN_KEY_SIZE] = {1}, ours[TOKEN_KEY_SIZE], other[TOKEN_KEY_SIZE];
	char token[TOKEN_TEXT_SIZE];
	static const struct {
		const char *format;
		bool is_mark;
	} fields[] = {
		{FROM "X-Posthaste-Ref: %s\r\n\r\n", true},
		{"x-posthaste-REF:\r\n\t%s \r\n" FROM "\r\n", true},
		{"X-Posthaste-Ref: a\r\nX-Posthaste-Ref: %s\r\n\r\n", true},
		{"X-Posthaste-Ref: %s2\r\n\r\n", false},
		{"X-Posthaste-Ref: <%s>\r\n\r\n", false},
		{"X-Posthaste-Refs: %s\r\n\r\n", false},
		{FROM "\r\nX-Posthaste-Ref: %s\r\n", false},
	};

	token_subkey(master, TOKEN_COMPLAINT, ours);
	token_subkey(master, TOKEN_RETURN_PATH, other);
	token_make(ours, 0, 7, 20000, 4001, token);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		char in[256];
		const char *at = strstr(fields[i].format, "%s"), *reply;

		snprintf(in, sizeof(in), "%.*s%s%s", (int)(at - fields[i].format), fields[i].format,
			 token, at + 2);
		reply = repair_loop(span_str(in), ours);
		if (fields[i].is_mark)
			assert_string_equal(reply, loop);
		else
			assert_null(reply);
		assert_null(repair_loop(span_str(in), other));
	}
}

static int setup(void **state UNUSED)
{
	return sodium_init() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_repaired_is_not_repaired_again),
		cmocka_unit_test(test_a_very_long_section_stays),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_all_options_are_read),
		cmocka_unit_test(test_refusals_name_the_field),
		cmocka_unit_test(test_the_longest_refusal_fits),
		cmocka_unit_test(test_many_hops_are_a_loop),
		cmocka_unit_test(test_our_own_mark_is_a_loop),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
