#include "smtpd/debts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { LIMIT = 3, REFILL = 1000 };

static struct debts *t;

static int setup(void **state)
{
	(void)state;
	t = mem_alloc(sizeof(*t));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mem_free(t);
	return 0;
}

/* Each step: at this time, fail so many times; then: is it below the limit? */
static const struct {
	int64_t at;
	int fails;
	bool below;
} steps[] = {
	{5000, 0, true},   {5000, 2, true},   {5000, 1, false}, {5999, 0, false}, {6000, 0, true},
	{6000, 1, false},  {6999, 0, false},  {7000, 0, true},	{7000, 0, true},  {9000, 0, true},
	{9000, 2, true},   {9000, 1, false},  {11000, 0, true}, {50000, 2, true}, {50000, 1, false},
	{50000, 4, false}, {54999, 0, false}, {55000, 0, true},
};

static void failures_are_forgiven_one_by_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct mono now = {steps[i].at};

		print_message("step %zu\n", i);
		for (int k = 0; k < steps[i].fails; k++)
			debts_add(t, 42, REFILL, now);
		assert_int_equal(debts_below(t, 42, LIMIT, REFILL, now), steps[i].below);
		assert_true(debts_below(t, 42 + DEBTS_SETS, LIMIT, REFILL, now));
	}
}

static void forgiven_at_once_is_forgiven_for_this_key_only(void **state)
{
	struct mono now = {100};

	(void)state;
	for (int k = 0; k < LIMIT; k++) {
		debts_add(t, 1, REFILL, now);
		debts_add(t, 1 + DEBTS_SETS, REFILL, now);
	}
	debts_forgive(t, 1);
	debts_forgive(t, 1 + 2 * DEBTS_SETS);
	assert_true(debts_below(t, 1, LIMIT, REFILL, now));
	assert_false(debts_below(t, 1 + DEBTS_SETS, LIMIT, REFILL, now));
}

static void in_a_full_set_the_smallest_debt_is_forgotten(void **state)
{
	struct mono now = {100};

	(void)state;
	for (int k = 0; k < LIMIT; k++)
		debts_add(t, 5, REFILL, now);
	for (unsigned i = 1; i <= 1000; i++)
		debts_add(t, 5 + (uint64_t)i * DEBTS_SETS, REFILL, now);
	assert_false(debts_below(t, 5, LIMIT, REFILL, now));
	/* those of the last ones are there, too */
	assert_false(debts_below(t, 5 + UINT64_C(1000) * DEBTS_SETS, 1, REFILL, now));
	assert_true(debts_below(t, 5 + UINT64_C(500) * DEBTS_SETS, 1, REFILL, now));
}

static void what_is_past_makes_room(void **state)
{
	(void)state;
	for (unsigned i = 0; i < DEBTS_WAYS; i++)
		debts_add(t, i * DEBTS_SETS, REFILL, (struct mono){0});
	for (unsigned i = 0; i < DEBTS_WAYS; i++)
		debts_add(t, (100 + i) * DEBTS_SETS, REFILL, (struct mono){2000});
	for (unsigned i = 0; i < DEBTS_WAYS; i++)
		assert_false(
			debts_below(t, (100 + i) * DEBTS_SETS, 1, REFILL, (struct mono){2000}));
}

static void the_largest_settings_do_not_overflow(void **state)
{
	const int64_t day = INT64_C(86400000);
	struct mono now = {INT64_C(1) << 42};

	(void)state;
	for (int k = 0; k < 100000; k++)
		debts_add(t, 9, day, now);
	assert_false(debts_below(t, 9, 100000, day, now));
	now.ms += day;
	assert_true(debts_below(t, 9, 100000, day, now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(failures_are_forgiven_one_by_one, setup, teardown),
		cmocka_unit_test_setup_teardown(forgiven_at_once_is_forgiven_for_this_key_only,
						setup, teardown),
		cmocka_unit_test_setup_teardown(in_a_full_set_the_smallest_debt_is_forgotten, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_is_past_makes_room, setup, teardown),
		cmocka_unit_test_setup_teardown(the_largest_settings_do_not_overflow, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("debts", tests, NULL, NULL);
}
