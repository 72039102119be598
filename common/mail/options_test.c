#include "common/mail/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

/* 2026-11-24T10:00:00Z */
static const struct wall now = {INT64_C(1795514400000)};

static const struct {
	const char *field;
	enum option which;
	const char *near;
} names[] = {
	{"X-Postal-Tag", OPTION_POSTAL_TAG, NULL},
	{"x-posthaste-TAG", OPTION_TAG, NULL},
	{"X-Posthaste-Stream", OPTION_STREAM, NULL},
	{"X-Posthaste-Metadata", OPTION_METADATA, NULL},
	{"X-Posthaste-Idempotency-Key", OPTION_IDEMPOTENCY, NULL},
	{"X-Posthaste-Track", OPTION_TRACK, NULL},
	{"X-Posthaste-Expires", OPTION_EXPIRES, NULL},
	{"X-Posthaste-Ref", OPTION_NONE, NULL},
	{"X-POSTHASTE-REF", OPTION_NONE, NULL},
	{"X-Postal-MsgID", OPTION_NONE, NULL},
	{"X-Postal-Tags", OPTION_NONE, NULL},
	{"X-Posthaste", OPTION_NONE, NULL},
	{"Subject", OPTION_NONE, NULL},
	{"X-Posthaste-", OPTION_UNKNOWN, NULL},
	{"X-Posthaste-Foo", OPTION_UNKNOWN, NULL},
	{"X-Posthaste-Tags", OPTION_UNKNOWN, "X-Posthaste-Tag"},
	{"X-Posthaste-expire", OPTION_UNKNOWN, "X-Posthaste-Expires"},
	{"X-Posthaste-Idempotencykey", OPTION_UNKNOWN, "X-Posthaste-Idempotency-Key"},
	{"X-Posthaste-Meta-Data", OPTION_UNKNOWN, "X-Posthaste-Metadata"},
};

static void test_names(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		enum option which = options_find(span_str(names[i].field));
		const char *near =
			which == OPTION_UNKNOWN ? options_near(span_str(names[i].field)) : NULL;

		if (which != names[i].which)
			fail_msg("%s: %d", names[i].field, (int)which);
		if ((near == NULL) != (names[i].near == NULL) ||
		    (near && strcmp(near, names[i].near) != 0))
			fail_msg("%s: did you mean %s", names[i].field, near ? near : "-");
	}
}

static void test_options_have_their_names(void **state UNUSED)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		assert_int_equal(options_find(span_str(options_name((enum option)i))), i);
}

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define LONG_TAG FIFTY FIFTY FIFTY FIFTY FIFTY "12345" /* 255 */

/* set: what the options then hold (see show()), or NULL: the text is refused */
static const struct {
	enum option which;
	const char *text;
	const char *set;
} cases[] = {
	{OPTION_TAG, "welcome", "tag=welcome"},
	{OPTION_TAG,
	 "two words, Gr\xc3\xbc\xc3\x9f"
	 "e",
	 "tag=two words, Gr\xc3\xbc\xc3\x9f"
	 "e"},
	{OPTION_TAG, "=?utf-8?q?a?=", "tag=\x3d?utf-8?q?a?="},
	{OPTION_TAG, LONG_TAG, "tag=" LONG_TAG},
	{OPTION_TAG, LONG_TAG "6", NULL},
	{OPTION_TAG, "", NULL},
	{OPTION_TAG, "a\tb", NULL},
	{OPTION_TAG, "a\x7f", NULL},
	{OPTION_TAG, "a\xff", NULL},
	{OPTION_POSTAL_TAG, "welcome", "tag=welcome"},
	{OPTION_POSTAL_TAG, "", ""},
	{OPTION_POSTAL_TAG, "a\xff", NULL},
	{OPTION_STREAM, "News.letter_2-b", "stream=news.letter_2-b"},
	{OPTION_STREAM, TEN TEN TEN TEN TEN TEN "1234", "stream=" TEN TEN TEN TEN TEN TEN "1234"},
	{OPTION_STREAM, TEN TEN TEN TEN TEN TEN "12345", NULL},
	{OPTION_STREAM, "", NULL},
	{OPTION_STREAM, "a b", NULL},
	{OPTION_STREAM, "a/b", NULL},
	{OPTION_STREAM, "\xc3\xbc", NULL},
	{OPTION_METADATA, "{ \"b\" : \"x y\", \"a\": 1.10,\"c\":true }",
	 "metadata={\"b\":\"x y\",\"a\":1.10,\"c\":true}"},
	{OPTION_METADATA, "{}", "metadata={}"},
	{OPTION_METADATA, "{\"a\":\"\\u00fc\\n\"}", "metadata={\"a\":\"\\u00fc\\n\"}"},
	{OPTION_METADATA, "", NULL},
	{OPTION_METADATA, "order=17", NULL},
	{OPTION_METADATA, "[\"a\"]", NULL},
	{OPTION_METADATA, "\"a\"", NULL},
	{OPTION_METADATA, "{\"a\":null}", NULL},
	{OPTION_METADATA, "{\"a\":{\"b\":1}}", NULL},
	{OPTION_METADATA, "{\"a\":[]}", NULL},
	{OPTION_METADATA, "{\"a\":1,\"a\":2}", NULL},
	{OPTION_METADATA, "{\"a\":1,\"\\u0061\":2}", NULL},
	{OPTION_METADATA, "{\"a\":12345678901234567890}", NULL},
	{OPTION_METADATA, "{\"a\":\"\\u0000\"}", NULL},
	{OPTION_METADATA, "{\"a\":\"\xff\"}", NULL},
	{OPTION_METADATA, "{\"a\":\"\x7f\"}", NULL},
	{OPTION_METADATA, "{\"a\":1} x", NULL},
	{OPTION_METADATA, "{\"a\":1", NULL},
	{OPTION_IDEMPOTENCY, "order 17/\"x\"~", "idempotency=order 17/\"x\"~"},
	{OPTION_IDEMPOTENCY, LONG_TAG, "idempotency=" LONG_TAG},
	{OPTION_IDEMPOTENCY, LONG_TAG "6", NULL},
	{OPTION_IDEMPOTENCY, "", NULL},
	{OPTION_IDEMPOTENCY, "\xc3\xbc", NULL},
	{OPTION_TRACK, "opens", "track=2"},
	{OPTION_TRACK, "Clicks", "track=4"},
	{OPTION_TRACK, "opens, clicks", "track=6"},
	{OPTION_TRACK, "clicks ,opens", "track=6"},
	{OPTION_TRACK, "opens,opens", "track=2"},
	{OPTION_TRACK, "yes", "track=6"},
	{OPTION_TRACK, "all", "track=6"},
	{OPTION_TRACK, "no", "track=1"},
	{OPTION_TRACK, "none", "track=1"},
	{OPTION_TRACK, "OFF", "track=1"},
	{OPTION_TRACK, "", NULL},
	{OPTION_TRACK, "true", NULL},
	{OPTION_TRACK, "opens clicks", NULL},
	{OPTION_TRACK, "opens,,clicks", NULL},
	{OPTION_TRACK, "opens, no", NULL},
	{OPTION_EXPIRES, "1", "expires=+1000"},
	{OPTION_EXPIRES, "600", "expires=+600000"},
	{OPTION_EXPIRES, "90s", "expires=+90000"},
	{OPTION_EXPIRES, "10m", "expires=+600000"},
	{OPTION_EXPIRES, "36h", "expires=+129600000"},
	{OPTION_EXPIRES, "2d", "expires=+172800000"},
	{OPTION_EXPIRES, "1500ms", "expires=+1500"},
	{OPTION_EXPIRES, "365d", "expires=+31536000000"},
	{OPTION_EXPIRES, "2026-11-24T10:00:01Z", "expires=+1000"},
	{OPTION_EXPIRES, "2026-11-25T11:00:00+01:00", "expires=+86400000"},
	{OPTION_EXPIRES, "Wed, 25 Nov 2026 10:00:00 +0000", "expires=+86400000"},
	{OPTION_EXPIRES, "", NULL},
	{OPTION_EXPIRES, "0", NULL},
	{OPTION_EXPIRES, "999ms", NULL},
	{OPTION_EXPIRES, "366d", NULL},
	{OPTION_EXPIRES, "31536001", NULL},
	{OPTION_EXPIRES, "99999999999999999999", NULL},
	{OPTION_EXPIRES, "99999999999999999d", NULL},
	{OPTION_EXPIRES, "-5", NULL},
	{OPTION_EXPIRES, "10 m", NULL},
	{OPTION_EXPIRES, "10M", NULL},
	{OPTION_EXPIRES, "10w", NULL},
	{OPTION_EXPIRES, "m", NULL},
	{OPTION_EXPIRES, "tomorrow", NULL},
	{OPTION_EXPIRES, "2026-11-24T10:00:00.999Z", NULL},
	{OPTION_EXPIRES, "2026-11-24T09:00:00Z", NULL},
	{OPTION_EXPIRES, "2027-11-24T10:00:01Z", NULL},
	{OPTION_EXPIRES, "Tue, 24 Nov 2026 09:00:00 +0000", NULL},
	{OPTION_EXPIRES, "2026-11-25", NULL},
};

static void show(const struct options *o, struct buf *out)
{
	buf_reset(out);
	if (o->tag[0])
		buf_fmt(out, "tag=%s", o->tag);
	if (o->stream[0])
		buf_fmt(out, "stream=%s", o->stream);
	if (o->metadata)
		buf_fmt(out, "metadata=%s", o->metadata);
	if (o->idempotency[0])
		buf_fmt(out, "idempotency=%s", o->idempotency);
	if (o->track)
		buf_fmt(out, "track=%u", o->track);
	if (o->expires.ms)
		buf_fmt(out, "expires=+%lld", (long long)(o->expires.ms - now.ms));
}

static void test_values(void **state UNUSED)
{
	struct buf shown;

	buf_init(&shown, 8192);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct options o = {.metadata = NULL};
		const char *why = options_set(&o, cases[i].which, span_str(cases[i].text), now);
		const char *want = cases[i].set ? cases[i].set : "";

		show(&o, &shown);
		if ((why == NULL) != (cases[i].set != NULL) || !span_eq_str(buf_span(&shown), want))
			fail_msg("%s: %s: %s, %.*s", options_name(cases[i].which), cases[i].text,
				 why ? why : "taken", SPAN_FMT(buf_span(&shown)));
		assert_true(!why || strchr(why, ';'));
		options_done(&o);
	}
	buf_done(&shown);
}

static void test_metadata_have_at_most_4096_bytes_as_compact_JSON(void **state UNUSED)
{
	struct options o = {.metadata = NULL};
	char text[OPTIONS_METADATA_MAX + 16];

	for (size_t n = OPTIONS_METADATA_MAX - 1; n <= OPTIONS_METADATA_MAX + 1; n++) {
		const char *why;

		memset(text, 'x', sizeof(text));
		memcpy(text, "{ \"a\": \"", 8); /* two blanks go */
		memcpy(text + n, "\"}", 3);
		why = options_set(&o, OPTION_METADATA, span_str(text), now);
		assert_true((why == NULL) == (n <= OPTIONS_METADATA_MAX));
		assert_int_equal(strlen(o.metadata), size_min(n, OPTIONS_METADATA_MAX));
	}
	options_done(&o);
}

static void test_a_refused_value_leaves_the_one_before(void **state UNUSED)
{
	struct options o = {.metadata = NULL};
	struct buf before, after;

	buf_init(&before, 1024);
	buf_init(&after, 1024);
	assert_null(options_set(&o, OPTION_TAG, SPAN_LIT("a"), now));
	assert_null(options_set(&o, OPTION_STREAM, SPAN_LIT("b"), now));
	assert_null(options_set(&o, OPTION_METADATA, SPAN_LIT("{\"c\":1}"), now));
	assert_null(options_set(&o, OPTION_IDEMPOTENCY, SPAN_LIT("d"), now));
	assert_null(options_set(&o, OPTION_TRACK, SPAN_LIT("opens"), now));
	assert_null(options_set(&o, OPTION_EXPIRES, SPAN_LIT("10m"), now));
	show(&o, &before);
	for (size_t i = OPTION_TAG; i < OPTION_COUNT; i++)
		assert_non_null(options_set(&o, (enum option)i, SPAN_LIT("\xff"), now));
	show(&o, &after);
	assert_true(span_eq(buf_span(&before), buf_span(&after)));
	buf_done(&before);
	buf_done(&after);
	options_done(&o);
}

static void test_the_last_value_counts(void **state UNUSED)
{
	struct options o = {.metadata = NULL};

	assert_null(options_set(&o, OPTION_METADATA, SPAN_LIT("{\"a\":1}"), now));
	assert_null(options_set(&o, OPTION_METADATA, SPAN_LIT("{\"b\":1}"), now));
	assert_string_equal(o.metadata, "{\"b\":1}");
	assert_null(options_set(&o, OPTION_TAG, SPAN_LIT("long one"), now));
	assert_null(options_set(&o, OPTION_TAG, SPAN_LIT("b"), now));
	assert_string_equal(o.tag, "b");
	assert_null(options_set(&o, OPTION_POSTAL_TAG, SPAN_LIT(""), now));
	assert_string_equal(o.tag, "");
	options_done(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_options_have_their_names),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_metadata_have_at_most_4096_bytes_as_compact_JSON),
		cmocka_unit_test(test_a_refused_value_leaves_the_one_before),
		cmocka_unit_test(test_the_last_value_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
