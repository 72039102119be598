/*
 * plan_test.c - the planner under a fake clock: the time is an argument.
 */
#include "queued/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>

#include "queued/queued.h"

struct conf *conf; /* for the rest of the folder; main.c is not linked */

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static const struct conf_times retry = {
	.n = 9,
	.ms = {MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE, HOUR,
	       2 * HOUR, 4 * HOUR},
};

static uint64_t seed;

static unsigned roll(unsigned below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(seed >> 33) % below;
}

static void add(struct plan *p, struct plan_entry *e, const char *domain, int64_t due)
{
	plan_add(p, e, span_str(domain), due);
}

static size_t domains(const struct plan *p)
{
	return p->domains.n;
}

/* order */

static void test_those_due_first_go_first_and_none_before_its_time(void **state UNUSED)
{
	static const int64_t due[] = {50, 10, 40, 20, 30, -5, INT64_MAX - 1};
	static const size_t order[] = {5, 1, 3, 4, 2, 0};
	struct plan_entry e[ARRAY_LEN(due)] = {0};
	struct plan p;

	plan_init(&p, 100);
	assert_null(plan_take(&p, INT64_MAX));
	assert_true(plan_next_due(&p) == INT64_MAX);
	for (size_t i = 0; i < ARRAY_LEN(due); i++)
		add(&p, &e[i], i % 2 ? "a.example" : "b.example", due[i]);
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		int64_t next = plan_next_due(&p);

		assert_true(next == due[order[i]]);
		assert_null(plan_take(&p, next - 1));
		assert_ptr_equal(plan_take(&p, next), &e[order[i]]);
		assert_true(e[order[i]].in_flight);
	}
	assert_null(plan_take(&p, DAY));
	assert_true(plan_next_due(&p) == INT64_MAX - 1);
	for (size_t i = 0; i < ARRAY_LEN(due); i++)
		plan_remove(&p, &e[i]);
	assert_int_equal(domains(&p), 0);
	plan_done(&p);
}

static void test_at_its_domains_limit_a_copy_waits_and_others_pass(void **state UNUSED)
{
	struct plan_entry a[6] = {0}, b = {0};
	struct plan p;

	plan_init(&p, 2);
	for (int i = 0; i < 6; i++)
		add(&p, &a[i], "full.example", i);
	add(&p, &b, "other.example", 10);
	assert_ptr_equal(plan_take(&p, 10), &a[0]);
	assert_ptr_equal(plan_take(&p, 10), &a[1]);
	assert_ptr_equal(plan_take(&p, 10), &b);
	assert_null(plan_take(&p, 10));
	assert_true(plan_next_due(&p) == INT64_MAX); /* those parked wait for no time */
	plan_remove(&p, &b);			     /* of no use to the other domain */
	assert_null(plan_take(&p, DAY));
	for (int i = 2; i < 6; i++) {
		plan_remove(&p, &a[i - 2]);
		assert_true(plan_next_due(&p) == i);
		assert_ptr_equal(plan_take(&p, 10), &a[i]);
		assert_null(plan_take(&p, 10));
	}
	plan_remove(&p, &a[4]);
	plan_remove(&p, &a[5]);
	assert_int_equal(domains(&p), 0);
	plan_done(&p);
}

/* An older one takes the place first; whoever is parked again keeps its turn. */
static void test_the_order_of_those_parked_outlives_a_lost_place(void **state UNUSED)
{
	struct plan_entry flying = {0}, parked[4] = {0}, older = {0};
	struct plan p;

	plan_init(&p, 1);
	add(&p, &flying, "d.example", 0);
	assert_ptr_equal(plan_take(&p, 100), &flying);
	for (int i = 0; i < 4; i++)
		add(&p, &parked[i], "d.example", 10 + i);
	assert_null(plan_take(&p, 100));
	plan_remove(&p, &flying);
	add(&p, &older, "d.example", 5);
	assert_ptr_equal(plan_take(&p, 100), &older);
	assert_null(plan_take(&p, 100));
	plan_remove(&p, &older);
	for (int i = 0; i < 4; i++) {
		assert_ptr_equal(plan_take(&p, 100), &parked[i]);
		assert_null(plan_take(&p, 100));
		plan_remove(&p, &parked[i]);
	}
	plan_done(&p);
}

/* removing */

enum where { NOWHERE, DUE_LATER, DUE, PARKED_FIRST, PARKED_MIDDLE, PARKED_LAST, IN_FLIGHT, CHOSEN };

static const char *const where_names[] = {
	[NOWHERE] = "nowhere",
	[DUE_LATER] = "due later",
	[DUE] = "due",
	[PARKED_FIRST] = "parked first",
	[PARKED_MIDDLE] = "parked between",
	[PARKED_LAST] = "parked last",
	[IN_FLIGHT] = "in flight",
	[CHOSEN] = "chosen for a free place",
};

/* With a limit of 1: one in flight, three parked, one due and one due later; then one of them is
 * removed.  However it ends, all others go, in their order. */
static void check_removed_from(enum where where)
{
	struct plan_entry flying = {0}, parked[3] = {0}, due = {0}, later = {0}, nowhere = {0};
	struct plan_entry *all[] = {&flying, &parked[0], &parked[1], &parked[2], &due, &later};
	struct plan_entry *const gone[] = {
		[NOWHERE] = &nowhere,
		[DUE_LATER] = &later,
		[DUE] = &due,
		[PARKED_FIRST] = &parked[0],
		[PARKED_MIDDLE] = &parked[1],
		[PARKED_LAST] = &parked[2],
		[IN_FLIGHT] = &flying,
		[CHOSEN] = &parked[0],
	};
	bool landed = where == CHOSEN;
	struct plan p;

	plan_init(&p, 1);
	add(&p, &flying, "d.example", 0);
	assert_ptr_equal(plan_take(&p, 100), &flying);
	for (int i = 0; i < 3; i++)
		add(&p, &parked[i], "d.example", 10 + i);
	assert_null(plan_take(&p, 100));
	add(&p, &due, "d.example", 20);
	add(&p, &later, "d.example", 200);
	if (landed)
		plan_remove(&p, &flying);
	plan_remove(&p, gone[where]);
	plan_remove(&p, gone[where]); /* a second time: nothing */
	assert_null(gone[where]->domain);
	if (!landed && where != IN_FLIGHT) {
		assert_null(plan_take(&p, 1000));
		plan_remove(&p, &flying);
	}
	for (size_t i = 1; i < ARRAY_LEN(all); i++) {
		if (all[i] == gone[where])
			continue;
		if (plan_take(&p, 1000) != all[i] || plan_take(&p, 1000))
			fail_msg("%s: number %zu does not go in its turn", where_names[where], i);
		plan_remove(&p, all[i]);
	}
	assert_int_equal(domains(&p), 0);
	assert_true(plan_next_due(&p) == INT64_MAX);
	plan_done(&p);
}

static void test_removed_from_wherever_it_is(void **state UNUSED)
{
	for (int w = NOWHERE; w <= CHOSEN; w++)
		check_removed_from((enum where)w);
}

static void test_removed_it_can_be_planned_again(void **state UNUSED)
{
	struct plan_entry e = {0};
	struct plan p;

	plan_init(&p, 1);
	for (int i = 0; i < 3; i++) {
		add(&p, &e, "d.example", 100 * i);
		assert_ptr_equal(plan_take(&p, 100 * i), &e);
		plan_remove(&p, &e);
		assert_int_equal(domains(&p), 0);
		add(&p, &e, "e.example", 5);
		plan_remove(&p, &e);
		assert_null(plan_take(&p, DAY));
	}
	plan_done(&p);
}

static void test_what_a_worker_had_before_counts_at_its_domain(void **state UNUSED)
{
	struct plan_entry locked[3] = {0}, e = {0};
	struct plan p;

	plan_init(&p, 2);
	for (int i = 0; i < 3; i++) /* more than the limit: they are under way already */
		plan_lock(&p, &locked[i], SPAN_LIT("d.example"));
	assert_true(plan_next_due(&p) == INT64_MAX);
	add(&p, &e, "d.example", 0);
	assert_null(plan_take(&p, 10));
	plan_remove(&p, &locked[0]);
	assert_null(plan_take(&p, 10));
	plan_remove(&p, &locked[1]);
	assert_ptr_equal(plan_take(&p, 10), &e);
	plan_remove(&p, &locked[2]);
	plan_remove(&p, &e);
	assert_int_equal(domains(&p), 0);
	plan_done(&p);
}

/* The operator changes queue.domain_in_flight while copies are parked. */
static const struct {
	unsigned before, after, flying;
} limits[] = {{1, 4, 4}, {2, 3, 3}, {4, 1, 1}, {3, 3, 3}};

static void test_another_limit_holds_from_the_next_end_on(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		struct plan_entry e[20] = {0};
		unsigned flying = 0;
		struct plan p;

		plan_init(&p, limits[i].before);
		for (int k = 0; k < 20; k++)
			add(&p, &e[k], "d.example", k);
		while (plan_take(&p, 100))
			flying++;
		assert_int_equal(flying, limits[i].before);
		p.domain_limit = limits[i].after;
		for (int k = 0; k < 8; k++) {
			plan_remove(&p, &e[k]);
			flying--;
			while (plan_take(&p, 100))
				flying++;
		}
		assert_int_equal(flying, limits[i].flying);
		for (int k = 8; k < 20; k++)
			plan_remove(&p, &e[k]);
		plan_done(&p);
	}
}

/* any steps */

enum { ENTRIES = 200, STEPS = 50000, LIMIT = 3, DOMAINS = 5 };

static struct entry {
	struct plan_entry e;
	unsigned domain;
	int64_t due;
	enum { OUT, WAITING, FLYING } at;
} entries[ENTRIES];

static unsigned flying_at(unsigned domain)
{
	unsigned n = 0;

	for (size_t i = 0; i < ENTRIES; i++)
		n += entries[i].at == FLYING && entries[i].domain == domain;
	return n;
}

/* The earliest time of those that may go; INT64_MAX: none. */
static int64_t naive_first(int64_t now)
{
	int64_t first = INT64_MAX;

	for (size_t i = 0; i < ENTRIES; i++)
		if (entries[i].at == WAITING && entries[i].due <= now && entries[i].due < first &&
		    flying_at(entries[i].domain) < LIMIT)
			first = entries[i].due;
	return first;
}

static void take_one(struct plan *p, int64_t now)
{
	int64_t first = naive_first(now);
	struct plan_entry *e = plan_take(p, now);

	if (first == INT64_MAX) {
		assert_null(e);
		return;
	}
	assert_non_null(e);
	struct entry *x = container_of(e, struct entry, e);
	assert_int_equal(x->at, WAITING);
	assert_true(x->due == first);
	x->at = FLYING;
}

static void put_one(struct plan *p, struct entry *x, int64_t now)
{
	static const char *const names[DOMAINS] = {"a", "b", "c", "d", ""};

	x->domain = roll(DOMAINS);
	x->due = now + roll(200) - 100;
	if (roll(20) == 0 && flying_at(x->domain) < LIMIT) {
		plan_lock(p, &x->e, span_str(names[x->domain]));
		x->at = FLYING;
	} else {
		add(p, &x->e, names[x->domain], x->due);
		x->at = WAITING;
	}
}

static void test_any_steps_give_what_a_naive_model_gives(void **state UNUSED)
{
	struct plan p;
	int64_t now = 0;

	seed = 3;
	memset(entries, 0, sizeof(entries));
	plan_init(&p, LIMIT);
	for (int step = 0; step < STEPS; step++) {
		struct entry *x = &entries[roll(ENTRIES)];

		now += roll(3);
		if (roll(3) == 0) {
			take_one(&p, now);
		} else if (x->at == OUT) {
			put_one(&p, x, now);
		} else if (x->at == FLYING || roll(10) == 0) {
			plan_remove(&p, &x->e);
			x->at = OUT;
		}
	}
	for (size_t i = 0; i < ENTRIES; i++)
		plan_remove(&p, &entries[i].e);
	assert_int_equal(domains(&p), 0);
	assert_int_equal(p.due.n, 0);
	plan_done(&p);
}

/* retries */

static const struct {
	unsigned attempts;
	int64_t least;
} waits[] = {
	{0, MINUTE},
	{1, MINUTE},
	{2, 2 * MINUTE},
	{3, 5 * MINUTE},
	{4, 10 * MINUTE},
	{5, 20 * MINUTE},
	{6, 40 * MINUTE},
	{7, HOUR},
	{8, 2 * HOUR},
	{9, 4 * HOUR},
	{10, 4 * HOUR},
	{1000, 4 * HOUR},
	{UINT32_MAX, 4 * HOUR},
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

enum { COPIES = 1000, PLACES = 20 };

static struct copy {
	struct plan_entry e;
	unsigned attempts;
	int64_t last;
} copies[COPIES];

/* Five days in which every attempt fails at once; the attempts of all copies together. */
static unsigned five_days(unsigned rolls, size_t domain_count)
{
	struct plan p;
	unsigned total = 0;
	int64_t now = 0;

	memset(copies, 0, sizeof(copies));
	plan_init(&p, PLACES);
	for (size_t i = 0; i < COPIES; i++) {
		char domain[32];

		snprintf(domain, sizeof(domain), "d%zu.example", i % domain_count);
		add(&p, &copies[i].e, domain, 0);
	}
	while ((now = plan_next_due(&p)) <= 5 * DAY) {
		struct plan_entry *e = plan_take(&p, now);
		struct copy *c = container_of(e, struct copy, e);
		char domain[32];

		assert_non_null(e);
		snprintf(domain, sizeof(domain), "d%zu.example", (c - copies) % domain_count);
		plan_remove(&p, e);
		c->last = now;
		total++;
		add(&p, e, domain,
		    now + plan_retry_ms(&retry, ++c->attempts, rolls ? roll(rolls) : 0));
	}
	for (size_t i = 0; i < COPIES; i++)
		plan_remove(&p, &copies[i].e);
	assert_int_equal(domains(&p), 0);
	plan_done(&p);
	return total;
}

/* At 0, 1, 3, 8, 18, 38, 78, 138 and 258 minutes, then every 240 up to 7,200: 9 + 28. */
static void test_five_days_of_retries_without_spreading(void **state UNUSED)
{
	for (size_t d = 1; d <= COPIES; d = d == 1 ? 7 : d == 7 ? COPIES : d + 1) {
		assert_int_equal(five_days(0, d), 37 * COPIES);
		for (size_t i = 0; i < COPIES; i++) {
			assert_int_equal(copies[i].attempts, 37);
			assert_true(copies[i].last == (258 + 28 * 240) * MINUTE);
		}
	}
}

/* A tenth more of waiting makes at most three attempts less; no copy is forgotten. */
static void test_five_days_of_retries_with_spreading(void **state UNUSED)
{
	unsigned total;

	seed = 5;
	total = five_days(100, 7);
	assert_in_range(total, 34 * COPIES, 37 * COPIES);
	for (size_t i = 0; i < COPIES; i++) {
		assert_in_range(copies[i].attempts, 34, 37);
		assert_true(copies[i].last > 5 * DAY - 4 * HOUR * 11 / 10);
	}
}

static int setup(void **state UNUSED)
{
	return sodium_init() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_those_due_first_go_first_and_none_before_its_time),
		cmocka_unit_test(test_at_its_domains_limit_a_copy_waits_and_others_pass),
		cmocka_unit_test(test_the_order_of_those_parked_outlives_a_lost_place),
		cmocka_unit_test(test_removed_from_wherever_it_is),
		cmocka_unit_test(test_removed_it_can_be_planned_again),
		cmocka_unit_test(test_what_a_worker_had_before_counts_at_its_domain),
		cmocka_unit_test(test_another_limit_holds_from_the_next_end_on),
		cmocka_unit_test(test_any_steps_give_what_a_naive_model_gives),
		cmocka_unit_test(test_waits_grow_and_are_spread_by_up_to_a_tenth),
		cmocka_unit_test(test_short_waits_are_spread_too),
		cmocka_unit_test(test_five_days_of_retries_without_spreading),
		cmocka_unit_test(test_five_days_of_retries_with_spreading),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
