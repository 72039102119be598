/*
 * signer_test.c - counting the uses of grants.  Keys and doors: tests/e2e/signer.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/ipc/grant.h"
#include "deliverd/signer_grants.h"

static const uint8_t secret[GRANT_KEY_SIZE] = {7};
static const struct wall now = {1000000};

static struct span make(uint64_t copy, uint64_t expires_s, uint32_t uses, uint8_t out[GRANT_SIZE])
{
	struct ipc_spans keys = {0};

	grant_make(secret, copy, &keys, expires_s, uses, out);
	return span_of(out, GRANT_SIZE);
}

static void a_grant_serves_as_often_as_it_says(void **state)
{
	uint8_t a[GRANT_SIZE], b[GRANT_SIZE], none[GRANT_SIZE];

	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(grants_use(make(1, 2000, 3, a), 3, now), i < 3);
		assert_int_equal(grants_use(make(2, 2000, 4, b), 4, now), i < 4);
		assert_false(grants_use(make(3, 2000, 0, none), 0, now));
	}
	assert_int_equal(grants_count(), 2);
	grants_forget();
	assert_int_equal(grants_count(), 0);
}

static void expired_ones_leave_the_table(void **state)
{
	uint8_t g[GRANT_SIZE];

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(grants_use(make(i, 2000 + i, 1, g), 1, now));
	assert_int_equal(grants_count(), 1000);
	assert_true(grants_use(make(5000, 9000, 1, g), 1, (struct wall){2500 * 1000}));
	assert_int_equal(grants_count(), 500);
	assert_false(grants_use(make(999, 2999, 1, g), 1, (struct wall){2500 * 1000}));
	grants_forget();
}

static void the_table_is_bounded(void **state)
{
	uint8_t g[GRANT_SIZE];

	(void)state;
	for (uint64_t i = 0; i < GRANTS_MAX + 10; i++)
		assert_true(grants_use(make(i, 5000, 1, g), 1, now));
	assert_int_equal(grants_count(), GRANTS_MAX);
	assert_false(grants_use(make(10, 5000, 1, g), 1, now));
	assert_true(grants_use(make(9, 5000, 1, g), 1, now)); /* forgotten */
	grants_forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_grant_serves_as_often_as_it_says),
		cmocka_unit_test(expired_ones_leave_the_table),
		cmocka_unit_test(the_table_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
