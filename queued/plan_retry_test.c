/*
 * plan_retry_test.c - the times of retries, and whole lives of copies under a fake clock.
 */
#include "queued/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>

#include "queued/queued.h"

struct conf *conf; /* for the rest of the folder; main.c is not linked */

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define YEAR (365 * DAY)

/* as shipped: queue.retry and queue.lifetime */
static const struct conf_times retry = {
	.n = 10,
	.ms = {30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE,
	       HOUR, 2 * HOUR, 4 * HOUR},
};
static const int64_t lifetime = 5 * DAY;

static uint64_t seed;

static unsigned roll(unsigned below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(seed >> 33) % below;
}

/* how long */

static const struct {
	unsigned attempts;
	int64_t least;
} waits[] = {
	{0, 30 * SECOND}, {1, 30 * SECOND}, {2, MINUTE},
	{3, 2 * MINUTE},  {4, 5 * MINUTE},  {5, 10 * MINUTE},
	{6, 20 * MINUTE}, {7, 40 * MINUTE}, {8, HOUR},
	{9, 2 * HOUR},	  {10, 4 * HOUR},   {11, 4 * HOUR},
	{12, 4 * HOUR},	  {1000, 4 * HOUR}, {UINT32_MAX, 4 * HOUR},
};

static void test_waits_grow_and_are_spread_by_up_to_a_tenth(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
		int64_t before = -1;

		for (unsigned r = 0; r < 100; r++) {
			int64_t ms = plan_retry_ms(&retry, waits[i].attempts, r);

			assert_in_range(ms, waits[i].least, waits[i].least * 11 / 10 - 1);
			assert_true(ms > before);
			before = ms;
		}
		assert_true(plan_retry_ms(&retry, waits[i].attempts, 0) == waits[i].least);
		assert_true(before >= waits[i].least * 109 / 100);
	}
}

static void test_short_waits_are_spread_too(void **state UNUSED)
{
	struct conf_times t = {.n = 1, .ms = {500}};

	assert_int_equal(plan_retry_ms(&t, 1, 0), 500);
	assert_in_range(plan_retry_ms(&t, 1, 99), 545, 550);
	t.ms[0] = 1;
	assert_int_equal(plan_retry_ms(&t, 1, 99), 1);
	t.ms[0] = 30 * DAY;
	assert_in_range(plan_retry_ms(&t, 7, 99), 30 * DAY, 33 * DAY);
}

static const struct {
	const char *name;
	unsigned attempts;
	int64_t now, end, next;
} nexts[] = {
	{"far from the end", 1, 0, lifetime, 30 * SECOND},
	{"just before it", 10, lifetime - 5 * HOUR, lifetime, lifetime - HOUR},
	{"exactly at it", 10, lifetime - 4 * HOUR, lifetime, lifetime},
	{"one last try", 10, lifetime - HOUR, lifetime, lifetime},
	{"a last moment", 10, lifetime - 1, lifetime, lifetime},
	{"at the end", 10, lifetime, lifetime, lifetime + 4 * HOUR},
	{"the clock went on ten years", 3, 10 * YEAR, lifetime, 10 * YEAR + 2 * MINUTE},
	{"the clock went back to 1970", 3, 0, 56 * YEAR, 2 * MINUTE},
	{"before 1970", 3, -YEAR, 56 * YEAR, -YEAR + 2 * MINUTE},
	{"a life shorter than a wait", 1, 0, 10 * SECOND, 10 * SECOND},
};

static void test_the_next_try_is_at_the_end_at_the_latest(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(nexts); i++) {
		int64_t wait = plan_retry_ms(&retry, nexts[i].attempts, 0);
		int64_t next = plan_next_ms(nexts[i].now, wait, nexts[i].end);

		if (next != nexts[i].next)
			fail_msg("%s: in %lld s", nexts[i].name,
				 (long long)(next - nexts[i].now) / 1000);
	}
}

/* Whatever the clock says. */
static void test_no_wait_is_longer_than_the_longest_and_a_tenth(void **state UNUSED)
{
	seed = 1;
	for (int i = 0; i < 100000; i++) {
		int64_t now = (int64_t)roll(UINT32_MAX) * 1000 - YEAR;
		int64_t end = (int64_t)roll(UINT32_MAX) * 1000 - YEAR;
		int64_t wait = plan_retry_ms(&retry, roll(50), roll(100));
		int64_t next = plan_next_ms(now, wait, end);

		assert_true(next > now && next <= now + 4 * HOUR * 11 / 10);
	}
}

/* when no more */

static const struct {
	const char *name;
	unsigned attempts;
	int64_t age, lifetime;
	bool expired;
} ends[] = {
	{"young", 100, lifetime - 1, lifetime, false},
	{"of age", 39, lifetime, lifetime, true},
	{"one attempt, then ten years", 1, 10 * YEAR, lifetime, false},
	{"no attempt", 0, 10 * YEAR, lifetime, false},
	/* 498.5 minutes for ten, 240 for each further: 30 hours with the 16th */
	{"not enough for a quarter", 15, lifetime, lifetime, false},
	{"just enough for a quarter", 16, lifetime, lifetime, true},
	{"from the future", 100, -YEAR, lifetime, false},
	{"a one-time password", 4, 10 * MINUTE, 10 * MINUTE, true},
	{"a one-time password at once", 1, 10 * MINUTE, 10 * MINUTE, false},
	{"a life of a millisecond", 1, 1, 1, true},
	{"no life", 0, 0, 0, true},
	{"attempts without number", UINT32_MAX, lifetime, lifetime, true},
};

static void test_a_copy_expires_by_age_and_attempts(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (plan_expired(&retry, ends[i].attempts, ends[i].age, ends[i].lifetime) !=
		    ends[i].expired)
			fail_msg("%s", ends[i].name);
}

static void test_very_long_waits_do_not_overflow(void **state UNUSED)
{
	struct conf_times t = {.n = 2, .ms = {30 * DAY, 30 * DAY}};

	assert_true(plan_expired(&t, UINT32_MAX, YEAR, YEAR));
	t.ms[1] = INT64_MAX / UINT32_MAX;
	assert_true(plan_expired(&t, UINT32_MAX, YEAR, YEAR));
}

/* whole lives */

enum { COPIES = 500, PLACES = 20 };

static struct copy {
	struct plan_entry e;
	unsigned attempts;
	int64_t last;
	bool expired;
} copies[COPIES];

struct life {
	struct plan p;
	unsigned spread; /* rolls below */
	size_t domains;
};

static void plan_copy(struct life *l, struct copy *c, int64_t due)
{
	char domain[32];
	size_t i = (size_t)(c - copies);
	struct plan_key key = {.tenant = i % 3};

	snprintf(domain, sizeof(domain), "d%zu.example", i % l->domains);
	key.domain = span_str(domain);
	key.class = i % 5 == 0 ? PLAN_BULK : PLAN_TRANSACTIONAL;
	plan_add(&l->p, &c->e, &key, due);
}

static void begin(struct life *l, size_t domains, unsigned spread)
{
	const struct plan_limits limits = {PLACES, 10 * PLACES, 25};

	memset(copies, 0, sizeof(copies));
	*l = (struct life){.domains = domains, .spread = spread};
	plan_init(&l->p, &limits);
	for (size_t i = 0; i < COPIES; i++)
		plan_copy(l, &copies[i], 0);
}

/* An attempt that fails at once.  Everybody was received at 0. */
static void fail_one(struct life *l, struct copy *c, int64_t now)
{
	int64_t wait;

	plan_remove(&l->p, &c->e);
	c->attempts++;
	c->last = now;
	c->expired = plan_expired(&retry, c->attempts, now, lifetime);
	wait = plan_retry_ms(&retry, c->attempts, l->spread ? roll(l->spread) : 0);
	if (!c->expired)
		plan_copy(l, c, plan_next_ms(now, wait, lifetime));
}

/* As long as something is due until then. */
static void live(struct life *l, int64_t until)
{
	int64_t now;

	while ((now = plan_next_due(&l->p)) <= until) {
		struct plan_entry *e;

		while ((e = plan_take(&l->p, now)))
			fail_one(l, container_of(e, struct copy, e), now);
	}
}

static void end(struct life *l)
{
	assert_true(plan_next_due(&l->p) == INT64_MAX);
	assert_int_equal(l->p.flows.n, 0);
	assert_int_equal(plan_in_flight(&l->p), 0);
	plan_done(&l->p);
}

/* At 0, 0.5, 1.5, 3.5, 8.5, 18.5, 38.5, 78.5, 138.5 and 258.5 minutes, then each 240 up to 6,978.5,
 * and at 7,200 for the last time: 10 + 28 + 1. */
static void test_five_days_of_retries_without_spreading(void **state UNUSED)
{
	static const size_t domains[] = {1, 7, COPIES};

	for (size_t d = 0; d < ARRAY_LEN(domains); d++) {
		struct life l;

		begin(&l, domains[d], 0);
		live(&l, lifetime - 1);
		for (size_t i = 0; i < COPIES; i++) {
			assert_int_equal(copies[i].attempts, 38);
			assert_true(copies[i].last == 258 * MINUTE + 30 * SECOND + 28 * 4 * HOUR);
		}
		live(&l, YEAR);
		for (size_t i = 0; i < COPIES; i++)
			assert_true(copies[i].expired && copies[i].attempts == 39 &&
				    copies[i].last == lifetime);
		end(&l);
	}
}

/* A tenth more of waiting makes at most three attempts less; no copy is forgotten, and each has its
 * last try at the end. */
static void test_five_days_of_retries_with_spreading(void **state UNUSED)
{
	struct life l;

	seed = 5;
	begin(&l, 7, 100);
	live(&l, YEAR);
	for (size_t i = 0; i < COPIES; i++) {
		assert_in_range(copies[i].attempts, 36, 39);
		assert_true(copies[i].expired && copies[i].last == lifetime);
	}
	end(&l);
}

/* At the age of an hour (7 attempts) the clock says ten years: each copy is due once at that time,
 * and then tried until its attempts make up a quarter of its life. */
static void test_a_jump_of_ten_years_expires_nothing_at_once(void **state UNUSED)
{
	struct plan_entry *e;
	struct life l;

	begin(&l, 7, 0);
	live(&l, HOUR);
	while ((e = plan_take(&l.p, 10 * YEAR)))
		fail_one(&l, container_of(e, struct copy, e), 10 * YEAR);
	for (size_t i = 0; i < COPIES; i++)
		assert_true(!copies[i].expired && copies[i].attempts == 8);
	live(&l, 20 * YEAR);
	for (size_t i = 0; i < COPIES; i++) {
		assert_true(copies[i].expired);
		assert_int_equal(copies[i].attempts, 16);
		assert_true(copies[i].last == 10 * YEAR + HOUR + 2 * HOUR + 6 * 4 * HOUR);
	}
	end(&l);
}

static int setup(void **state UNUSED)
{
	return sodium_init() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_grow_and_are_spread_by_up_to_a_tenth),
		cmocka_unit_test(test_short_waits_are_spread_too),
		cmocka_unit_test(test_the_next_try_is_at_the_end_at_the_latest),
		cmocka_unit_test(test_no_wait_is_longer_than_the_longest_and_a_tenth),
		cmocka_unit_test(test_a_copy_expires_by_age_and_attempts),
		cmocka_unit_test(test_very_long_waits_do_not_overflow),
		cmocka_unit_test(test_five_days_of_retries_without_spreading),
		cmocka_unit_test(test_five_days_of_retries_with_spreading),
		cmocka_unit_test(test_a_jump_of_ten_years_expires_nothing_at_once),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
