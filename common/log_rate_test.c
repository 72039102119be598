/*
 * log_rate_test.c - under a fake clock.
 */
#include "common/log_rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct log_rate r;

static int clear(void **state UNUSED)
{
	memset(&r, 0, sizeof(r));
	return 0;
}

static unsigned passing(const char *event, const char *key, int64_t now, unsigned lines)
{
	unsigned n = 0;

	while (lines-- > 0)
		n += log_rate_pass(&r, event, span_str(key), now);
	return n;
}

static void test_one_client_gets_a_burst_and_the_rest_is_counted(void **state UNUSED)
{
	unsigned left_out = 0;

	assert_int_equal(passing("auth-failed", "192.0.2.1", 1000, 100), LOG_RATE_KEY);
	assert_null(log_rate_over(&r, 1000 + LOG_RATE_PERIOD_MS - 1, &left_out));
	assert_string_equal(log_rate_over(&r, 1000 + LOG_RATE_PERIOD_MS, &left_out), "auth-failed");
	assert_int_equal(left_out, 100 - LOG_RATE_KEY);
	assert_null(log_rate_over(&r, 1000 + LOG_RATE_PERIOD_MS, &left_out));
	assert_int_equal(passing("auth-failed", "192.0.2.1", 1000 + LOG_RATE_PERIOD_MS, 1), 1);
}

static void test_the_first_of_each_key_and_event_is_never_hidden(void **state UNUSED)
{
	char key[32];

	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "10.0.%d.1", i);
		passing("auth-failed", key, 1000, 100);
	}
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof(key), "10.1.%d.%d", i / 250, i % 250);
		assert_int_equal(passing("auth-failed", key, 1000, 1), 1);
	}
	assert_int_equal(passing("turned-away", "10.0.0.1", 1000, 1), 1);
}

static void test_all_clients_together_are_bounded(void **state UNUSED)
{
	unsigned n = 0;
	char key[32];

	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "10.0.%d.1", i);
		n += passing("auth-failed", key, 1000, LOG_RATE_KEY);
	}
	assert_true(n <= 200 + LOG_RATE_EVENT);
}

static void test_a_clock_that_goes_back_hides_nothing(void **state UNUSED)
{
	passing("auth-failed", "192.0.2.1", 1000000, 100);
	assert_int_equal(passing("auth-failed", "192.0.2.1", 1000, 1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_one_client_gets_a_burst_and_the_rest_is_counted, clear),
		cmocka_unit_test_setup(test_the_first_of_each_key_and_event_is_never_hidden, clear),
		cmocka_unit_test_setup(test_all_clients_together_are_bounded, clear),
		cmocka_unit_test_setup(test_a_clock_that_goes_back_hides_nothing, clear),
	};

	return cmocka_run_group_tests_name("log_rate", tests, NULL, NULL);
}
