#include "common/json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <jansson.h>

#include "common/utf8.h"

static const struct {
	const char *name;
	struct span in;
	const char *json;
} texts[] = {
	{"empty", SPAN_LIT(""), "\"\""},
	{"plain", SPAN_LIT("a b/c"), "\"a b/c\""},
	{"quote and backslash", SPAN_LIT("\"\\"), "\"\\\"\\\\\""},
	{"NUL", SPAN_LIT("\0"), "\"\\u0000\""},
	{"line end", SPAN_LIT("\r\n"), "\"\\u000d\\u000a\""},
	{"delete", SPAN_LIT("\x7f"), "\"\\u007f\""},
	{"UTF-8", SPAN_LIT("\xe2\x82\xac"), "\"\xe2\x82\xac\""},
	{"two bad bytes", SPAN_LIT("\xff\xfe"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},
	{"a character cut", SPAN_LIT("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},
};

static void test_texts(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct buf b;

		buf_init(&b, 100);
		json_add_string(&b, texts[i].in);
		if (!span_eq_str(buf_span(&b), texts[i].json))
			fail_msg("%s: %.*s", texts[i].name, SPAN_FMT(buf_span(&b)));
		buf_done(&b);
	}
}

/* jansson reads it back as the same bytes, or as what utf8_repair() makes of them. */
static void check(struct span s, struct buf *json, struct buf *repaired)
{
	json_t *v;

	buf_reset(json);
	buf_reset(repaired);
	json_add_string(json, s);
	utf8_repair(s, repaired);
	v = json_loadb((const char *)json->p, json->n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (!v || !json_is_string(v) ||
	    !span_eq(span_of(json_string_value(v), json_string_length(v)), buf_span(repaired)))
		fail_msg("%.*s", SPAN_FMT(buf_span(json)));
	json_decref(v);
}

static void test_every_two_octets_are_read_back(void **state UNUSED)
{
	struct buf json, repaired;

	buf_init(&json, 100);
	buf_init(&repaired, 100);
	for (unsigned v = 0; v < 0x10000; v++) {
		uint8_t s[4] = {(uint8_t)(v >> 8), (uint8_t)v, 0xa4, '"'};

		check(span_of(s, 2), &json, &repaired);
		check(span_of(s, 4), &json, &repaired);
	}
	buf_done(&json);
	buf_done(&repaired);
}

static void test_what_does_not_fit_is_an_error(void **state UNUSED)
{
	struct buf b;

	for (size_t max = 0; max < 8; max++) {
		buf_init(&b, max);
		json_add_string(&b, SPAN_LIT("\n")); /* 8 bytes */
		assert_false(buf_ok(&b));
		buf_done(&b);
	}
}

static const struct {
	const char *text;
	const char *compact;
} compacts[] = {
	{"{ \"a b\" : 1.10 ,\r\n\t\"c\":[ true, null ] }", "{\"a b\":1.10,\"c\":[true,null]}"},
	{"{\"a\\\" b\": \"c\\\\\" }", "{\"a\\\" b\":\"c\\\\\"}"},
	{"\" \\u0020 \"", "\" \\u0020 \""},
	{" ", ""},
};

static void test_compact_text_keeps_strings_and_numbers(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(compacts); i++) {
		struct buf b;

		buf_init(&b, 100);
		json_add_compact(&b, span_str(compacts[i].text));
		if (!span_eq_str(buf_span(&b), compacts[i].compact))
			fail_msg("%s: %.*s", compacts[i].text, SPAN_FMT(buf_span(&b)));
		buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_every_two_octets_are_read_back),
		cmocka_unit_test(test_compact_text_keeps_strings_and_numbers),
		cmocka_unit_test(test_what_does_not_fit_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
