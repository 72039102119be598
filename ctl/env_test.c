#include "ctl/env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct {
	const char *name;
	const char *value;
	const char *line;
} written[] = {
	{"a word is quoted", "127.0.0.1", "A='127.0.0.1'\n"},
	{"nothing is quoted as well", "", "A=''\n"},
	{"blanks and dollars stay as they are", "a $b `c` \\d", "A='a $b `c` \\d'\n"},
	{"a quote is written outside of the quotes", "it's", "A='it'\\''s'\n"},
	{"quotes at both ends", "'a'", "A=''\\''a'\\'''\n"},
	{"two quotes together", "a''b", "A='a'\\'''\\''b'\n"},
	{"a line end", "a\nB='c'", "A='a\nB='\\''c'\\'''\n"},
};

static void test_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(written); i++) {
		struct buf text, back;

		print_message("%s\n", written[i].name);
		buf_init(&text, 4096);
		buf_init(&back, 4096);
		env_add(&text, "Z", SPAN_LIT("before"));
		env_add(&text, "A", span_str(written[i].value));
		env_add(&text, "B", SPAN_LIT("after"));
		assert_true(span_eq_str(
			span_head(span_from(buf_span(&text), 11), strlen(written[i].line)),
			written[i].line));
		assert_int_equal(env_get(buf_span(&text), "A", &back), 0);
		assert_true(span_eq_str(buf_span(&back), written[i].value));
		buf_reset(&back);
		assert_int_equal(env_get(buf_span(&text), "B", &back), 0);
		assert_true(span_eq_str(buf_span(&back), "after"));
		buf_done(&text);
		buf_done(&back);
	}
}

static const struct {
	const char *name;
	const char *text;
	int err;
} read_cases[] = {
	{"an empty file has no names", "", -ENOENT},
	{"another name is not it", "AA='x'\n", -ENOENT},
	{"a value without quotes", "A=x\n", -EINVAL},
	{"a value that does not end", "A='x", -EINVAL},
	{"a line that does not end", "A='x'", -EINVAL},
	{"something behind the value", "A='x' \n", -EINVAL},
	{"a torn line before it", "B='x\nA='y'\n", -EINVAL},
	{"no value", "A=", -EINVAL},
	{"no equals sign", "A", -EINVAL},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(read_cases); i++) {
		struct buf out;

		print_message("%s\n", read_cases[i].name);
		buf_init(&out, 4096);
		assert_int_equal(env_get(span_str(read_cases[i].text), "A", &out),
				 read_cases[i].err);
		assert_int_equal(out.n, 0);
		buf_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
