#include "common/mail/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* They are stored, and others rely on them: never change a line. */
static const struct {
	enum copy_state state;
	uint64_t number;
	const char *name;
	bool final;
} states[] = {
	{STATE_QUEUED, 0, "queued", false},	 {STATE_DEFERRED, 1, "deferred", false},
	{STATE_HELD, 2, "held", false},		 {STATE_SUPPRESSED, 3, "suppressed", true},
	{STATE_DELIVERED, 4, "delivered", true}, {STATE_FAILED, 5, "failed", true},
	{STATE_BOUNCED, 6, "bounced", true},	 {STATE_CANCELLED, 7, "cancelled", true},
	{STATE_EXPIRED, 8, "expired", true},
};

static void test_names_and_numbers_are_fixed(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		assert_int_equal(states[i].state, states[i].number);
		assert_string_equal(state_name(states[i].number), states[i].name);
		assert_int_equal(state_final(states[i].state), states[i].final);
	}
}

/* The index of open copies in mail.sql says "state < 3". */
static void test_states_below_three_are_the_open_ones(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		assert_int_equal(state_final(states[i].state), states[i].number >= 3);
}

static void test_unknown_numbers_have_a_question_mark(void **state UNUSED)
{
	assert_string_equal(state_name(ARRAY_LEN(states)), "?");
	assert_string_equal(state_name(UINT64_MAX), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_numbers_are_fixed),
		cmocka_unit_test(test_states_below_three_are_the_open_ones),
		cmocka_unit_test(test_unknown_numbers_have_a_question_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
