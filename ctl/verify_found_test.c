#include "ctl/verify_found.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct findings f;

static int done(void **state UNUSED)
{
	findings_done(&f);
	return 0;
}

static void list(const struct found *one, void *arg)
{
	char *text = arg;
	size_t n = strlen(text);

	snprintf(text + n, 256 - n, "%s:%s(%s) ", finding_code(one->what), one->where, one->detail);
}

static void assert_counting(const char *want)
{
	char text[256] = "";

	findings_each(&f, list, text);
	assert_string_equal(text, want);
}

static void test_what_is_found_twice_counts(void **state UNUSED)
{
	findings_add(&f, FINDING_NO_ROW, "a", "1");
	findings_add(&f, FINDING_NO_ROW, "b", "2");
	findings_add(&f, FINDING_NO_FILE, "b", "3");
	assert_counting("");
	findings_look_again(&f);
	findings_add(&f, FINDING_NO_ROW, "c", "4");
	findings_add(&f, FINDING_NO_FILE, "b", "5");
	findings_add(&f, FINDING_NO_ROW, "a", "6");
	assert_counting("file-without-row:a(1) message-without-file:b(3) ");
}

static void test_what_was_settled_counts_without_a_second_look(void **state UNUSED)
{
	findings_add(&f, FINDING_FOLDER, "spool", "");
	findings_settle(&f);
	findings_add(&f, FINDING_NO_ROW, "a", "");
	findings_look_again(&f);
	assert_counting("folder:spool() ");
	findings_settle(&f);
	assert_counting("folder:spool() file-without-row:a() ");
}

static void test_the_same_is_one(void **state UNUSED)
{
	findings_add(&f, FINDING_STATE, "copy 1", "first");
	findings_add(&f, FINDING_STATE, "copy 1", "second");
	findings_settle(&f);
	assert_counting("state:copy 1(first) ");
	assert_int_equal(findings_more(&f, FINDING_STATE), 0);
}

static void find_many(unsigned n)
{
	char where[32];

	for (unsigned i = 0; i < n; i++) {
		snprintf(where, sizeof(where), "%u", i);
		findings_add(&f, FINDING_NO_ROW, where, "");
	}
}

static void ignore(const struct found *one UNUSED, void *arg UNUSED)
{
}

static void test_of_many_the_rest_is_counted(void **state UNUSED)
{
	find_many(FOUND_TOLD + 7);
	findings_add(&f, FINDING_NO_FILE, "x", "");
	findings_look_again(&f);
	find_many(FOUND_TOLD + 5);
	findings_add(&f, FINDING_NO_FILE, "x", "");
	assert_int_equal(findings_each(&f, ignore, NULL), FOUND_TOLD + 1);
	assert_int_equal(findings_more(&f, FINDING_NO_ROW), 5);
	assert_int_equal(findings_more(&f, FINDING_NO_FILE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_what_is_found_twice_counts, done),
		cmocka_unit_test_teardown(test_what_was_settled_counts_without_a_second_look, done),
		cmocka_unit_test_teardown(test_the_same_is_one, done),
		cmocka_unit_test_teardown(test_of_many_the_rest_is_counted, done),
	};

	return cmocka_run_group_tests_name("verify_found", tests, NULL, NULL);
}
