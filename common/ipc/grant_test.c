/*
 * grant_test.c - what a grant admits, and everything that makes it void.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/ipc/grant.h"

static const uint8_t secret[GRANT_KEY_SIZE] = {1, 2, 3};
static const struct wall before = {999999}, at_end = {1000000};
enum { COPY = 77, EXPIRES = 1000, USES = 3 };

static const struct span two_keys[] = {
	{(const uint8_t *)"a.example s rsa-sha256", 22},
	{(const uint8_t *)"b.example s rsa-sha256", 22},
};
static const struct span joined[] = {
	{(const uint8_t *)"a.example s rsa-sha256b.example s rsa-sha256", 44},
};
static const struct span swapped[] = {
	{(const uint8_t *)"b.example s rsa-sha256", 22},
	{(const uint8_t *)"a.example s rsa-sha256", 22},
};

static const struct grant_case {
	const char *name;
	uint64_t copy;
	struct ipc_spans keys;
	struct wall now;
	size_t flip; /* byte of the grant that is changed; GRANT_SIZE: none */
	size_t size;
	int want;
} grant_cases[] = {
	{"as made", COPY, {2, two_keys, {0}}, {999999}, 44, 44, 0},
	{"another copy", COPY + 1, {2, two_keys, {0}}, {999999}, 44, 44, -EPERM},
	{"fewer keys", COPY, {1, two_keys, {0}}, {999999}, 44, 44, -EPERM},
	{"no keys", COPY, {0, two_keys, {0}}, {999999}, 44, 44, -EPERM},
	{"other order", COPY, {2, swapped, {0}}, {999999}, 44, 44, -EPERM},
	{"keys run together", COPY, {1, joined, {0}}, {999999}, 44, 44, -EPERM},
	{"later expiry", COPY, {2, two_keys, {0}}, {999999}, 1, 44, -EPERM},
	{"more uses", COPY, {2, two_keys, {0}}, {999999}, 8, 44, -EPERM},
	{"MAC changed", COPY, {2, two_keys, {0}}, {999999}, 43, 44, -EPERM},
	{"short", COPY, {2, two_keys, {0}}, {999999}, 44, 43, -EINVAL},
	{"empty", COPY, {2, two_keys, {0}}, {999999}, 44, 0, -EINVAL},
	{"long", COPY, {2, two_keys, {0}}, {999999}, 44, 45, -EINVAL},
	{"expired", COPY, {2, two_keys, {0}}, {1000000}, 44, 44, -ETIME},
	{"a clock before 1970", COPY, {2, two_keys, {0}}, {-1}, 44, 44, -ETIME},
	{"expired and forged: forged", COPY, {2, two_keys, {0}}, {1000000}, 43, 44, -EPERM},
};

static void a_grant_holds_only_for_what_it_was_made(void **state)
{
	struct ipc_spans keys = {.n = 2, .items = two_keys};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(grant_cases); i++) {
		const struct grant_case *c = &grant_cases[i];
		uint8_t grant[GRANT_SIZE + 1] = {0};
		uint32_t uses = 0;

		grant_make(secret, COPY, &keys, EXPIRES, USES, grant);
		grant[c->flip] ^= 1;
		int got = grant_check(secret, c->copy, &c->keys, c->now, span_of(grant, c->size),
				      &uses);
		if (got != c->want || uses != (got ? 0 : USES))
			fail_msg("%s: %d, %u uses", c->name, got, uses);
	}
}

static void another_secret_makes_another_grant(void **state)
{
	struct ipc_spans keys = {.n = 2, .items = two_keys};
	uint8_t other[GRANT_KEY_SIZE] = {1, 2, 4}, grant[GRANT_SIZE];
	uint32_t uses;

	(void)state;
	grant_make(secret, COPY, &keys, EXPIRES, USES, grant);
	assert_int_equal(grant_check(other, COPY, &keys, before, span_of(grant, GRANT_SIZE), &uses),
			 -EPERM);
	assert_int_equal(
		grant_check(secret, COPY, &keys, at_end, span_of(grant, GRANT_SIZE), &uses),
		-ETIME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_grant_holds_only_for_what_it_was_made),
		cmocka_unit_test(another_secret_makes_another_grant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
