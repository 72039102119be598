#include "common/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

#include "common/utf8.h"

static const struct {
	const char *name;
	struct span text;
	const char *kept;
} texts[] = {
	{"plain", SPAN_LIT("4.7.1 try later"), "4.7.1 try later"},
	{"empty", SPAN_LIT(""), ""},
	{"line ends", SPAN_LIT("a\r\nb"), "a\\x0d\\x0ab"},
	{"NUL", SPAN_LIT("a\0b"), "a\\x00b"},
	{"escape and delete", SPAN_LIT("\x1b[31m\x7f"), "\\x1b[31m\\x7f"},
	{"tab", SPAN_LIT("\t"), "\\x09"},
	{"UTF-8", SPAN_LIT("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f"},
	{"C1 controls", SPAN_LIT("\xc2\x80\xc2\x9b\xc2\xa0"), "\\xc2\\x80\\xc2\\x9b\xc2\xa0"},
	{"Latin-1", SPAN_LIT("gr\xfc\xdf"), "gr\\xfc\\xdf"},
	{"half a character at the end", SPAN_LIT("\xe2\x82"), "\\xe2\\x82"},
};

static void test_texts(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct outcome o;

		outcome_set(&o, OUTCOME_TEMP, 451, "4.7.1", texts[i].text);
		if (strcmp(o.text, texts[i].kept) != 0)
			fail_msg("%s: %s", texts[i].name, o.text);
		assert_int_equal(o.kind, OUTCOME_TEMP);
		assert_int_equal(o.code, 451);
		assert_string_equal(o.status, "4.7.1");
	}
}

static const char *const units[] = {"x",	"\n",		"\xff",
				    "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};

/* Whatever is cut, no character and no escape is cut in its middle. */
static void test_long_texts_are_cut_between_characters(void **state UNUSED)
{
	struct buf b;

	buf_init(&b, 3 * OUTCOME_TEXT_MAX);
	for (size_t u = 0; u < ARRAY_LEN(units); u++)
		for (size_t shift = 0; shift < 6; shift++) {
			struct outcome o;

			buf_reset(&b);
			buf_fmt(&b, "%.*s", (int)shift, "======");
			while (b.n < 2 * OUTCOME_TEXT_MAX)
				buf_str(&b, units[u]);
			outcome_set(&o, OUTCOME_PERM, 550, "5.1.1", buf_span(&b));
			assert_in_range(strlen(o.text), OUTCOME_TEXT_MAX - 10,
					OUTCOME_TEXT_MAX - 1);
			assert_true(utf8_valid(span_str(o.text)));
			assert_false(span_has_ctl(span_str(o.text)));
			const char *escape = strrchr(o.text, '\\');
			assert_true(!escape || strlen(escape) >= 4);
		}
	buf_done(&b);
}

static void test_a_status_is_cut_and_ended(void **state UNUSED)
{
	struct outcome o;

	memset(&o, 'x', sizeof(o));
	outcome_set(&o, OUTCOME_DONE, 250, "2.123.456789", SPAN_LIT(""));
	assert_string_equal(o.status, "2.123.45678");
	assert_string_equal(o.text, "");
}

static void test_names(void **state UNUSED)
{
	assert_string_equal(outcome_name(OUTCOME_DONE), "done");
	assert_string_equal(outcome_name(OUTCOME_TEMP), "temporary");
	assert_string_equal(outcome_name(OUTCOME_PERM), "permanent");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_long_texts_are_cut_between_characters),
		cmocka_unit_test(test_a_status_is_cut_and_ended),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
