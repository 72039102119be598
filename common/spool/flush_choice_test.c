#include "common/spool/flush_choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static bool is_quiet;
static unsigned asked;

static bool quiet(void)
{
	asked++;
	return is_quiet;
}

static bool all(const struct flush_choice *c, size_t files, int64_t now)
{
	return flush_choose_all(c, files, (struct mono){now}, quiet);
}

static void one_alone_is_flushed_by_itself(void **state)
{
	struct flush_choice c = {.each_us = 200, .all_us = 1};

	(void)state;
	assert_false(all(&c, 1, 0));
	assert_false(all(&c, 0, 0));
}

static void both_are_measured_first(void **state)
{
	struct flush_choice c = {0};

	(void)state;
	assert_false(all(&c, 10, 0));
	flush_took_each(&c, 10, (struct mono){0}, 2000);
	assert_int_equal(c.each_us, 200);
	assert_true(all(&c, 2, 0));
	flush_took_all(&c, (struct mono){5}, 900);
	assert_int_equal(c.all_us, 900);
	assert_int_equal(c.all_at.ms, 5);
}

static void the_number_of_files_decides(void **state)
{
	struct flush_choice c = {.each_us = 200, .all_us = 900};

	(void)state;
	assert_false(all(&c, 4, 0));
	assert_true(all(&c, 5, 0));
	assert_true(all(&c, 500, 0));
}

static void after_a_dear_one_it_is_tried_again(void **state)
{
	struct flush_choice c = {.each_us = 200, .all_us = 500};

	(void)state;
	flush_took_all(&c, (struct mono){1000}, 500000); /* a neighbour's gigabyte */
	assert_false(all(&c, 50, 1001));
	is_quiet = false;
	assert_false(all(&c, 50, 1100));
	c.each_at.ms = 20000;
	assert_false(all(&c, 50, 30999));
	assert_true(all(&c, 50, 31000));
	is_quiet = true;
	asked = 0;
	assert_false(all(&c, 50, 1099));
	assert_int_equal(asked, 0); /* not for each batch */
	assert_true(all(&c, 50, 1100));
}

static void fsyncs_are_measured_anew(void **state)
{
	struct flush_choice c = {.each_us = 60000, .all_us = 80000, .all_at = {30000}};

	(void)state;
	assert_true(all(&c, 3, 29999));
	assert_false(all(&c, 3, 30000));
	for (int i = 0; i < 20; i++)
		flush_took_each(&c, 3, (struct mono){30000}, 1200);
	assert_false(all(&c, 3, 30001));
}

static void one_interruption_does_not_decide(void **state)
{
	struct flush_choice c = {.each_us = 200, .all_us = 500};

	(void)state;
	flush_took_all(&c, (struct mono){0}, 5000);
	assert_true(all(&c, 10, 0));
	for (int i = 0; i < 20; i++)
		flush_took_all(&c, (struct mono){0}, 500);
	assert_in_range(c.all_us, 500, 520);
	flush_took_each(&c, 1, (struct mono){7}, 0);
	assert_int_equal(c.each_at.ms, 7);
	assert_in_range(c.each_us, 1, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_alone_is_flushed_by_itself),
		cmocka_unit_test(both_are_measured_first),
		cmocka_unit_test(the_number_of_files_decides),
		cmocka_unit_test(after_a_dear_one_it_is_tried_again),
		cmocka_unit_test(fsyncs_are_measured_anew),
		cmocka_unit_test(one_interruption_does_not_decide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
