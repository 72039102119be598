#include "common/mail/qid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>

static const struct {
	const char *name;
	struct span in;
	int err;
} cases[] = {
	{"32 lower-case hex digits", SPAN_LIT("0193abcdef0170008000000000000001"), 0},
	{"31 digits", SPAN_LIT("0193abcdef017000800000000000000"), -EINVAL},
	{"33 digits", SPAN_LIT("0193abcdef01700080000000000000012"), -EINVAL},
	{"upper case", SPAN_LIT("0193ABCDEF0170008000000000000001"), -EINVAL},
	{"a letter after f", SPAN_LIT("0193abcdeg0170008000000000000001"), -EINVAL},
	{"a slash", SPAN_LIT("0193abcd/f0170008000000000000001"), -EINVAL},
	{"a dot", SPAN_LIT("0193abcd.f0170008000000000000001"), -EINVAL},
	{"a NUL", SPAN_LIT("0193abcd\000f0170008000000000000001"), -EINVAL},
	{"nothing", SPAN_LIT(""), -EINVAL},
};

static void test_parse(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct qid q = {.s = "?"};
		int err = qid_parse(cases[i].in, &q);

		if (err != cases[i].err)
			fail_msg("%s: %d", cases[i].name, err);
		assert_true(err ? q.s[0] == '?' : span_eq_str(cases[i].in, q.s));
	}
}

static void test_ids_are_uuids_of_version_7(void **state UNUSED)
{
	for (int i = 0; i < 1000; i++) {
		struct qid q = qid_make((struct wall){0x0193abcdef01}), again;

		assert_int_equal(strlen(q.s), QID_TEXT);
		assert_int_equal(qid_parse(span_str(q.s), &again), 0);
		assert_memory_equal(q.s, "0193abcdef017", 13);
		assert_non_null(strchr("89ab", q.s[16]));
	}
}

static void test_ids_sort_by_time_and_differ(void **state UNUSED)
{
	struct qid a = qid_make((struct wall){1}), b = qid_make((struct wall){2});
	struct qid c = qid_make((struct wall){2});

	assert_true(strcmp(a.s, b.s) < 0);
	assert_string_not_equal(b.s, c.s);
	assert_memory_equal(qid_make((struct wall){0}).s, "000000000000", 12);
}

static int setup(void **state UNUSED)
{
	return sodium_init() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_ids_are_uuids_of_version_7),
		cmocka_unit_test(test_ids_sort_by_time_and_differ),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
