/*
 * plan_test.c - the scheduler under a fake clock: order in time, states, limits, and any steps
 * beside a model.  Who goes first: plan_fair_test.c; retries: plan_retry_test.c.
 */
#include "queued/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <sodium.h>

#include "queued/plan_model.h"
#include "queued/queued.h"

struct conf *conf; /* for the rest of the folder; main.c is not linked */

enum { DAY = 24 * 3600 * 1000 };

static uint64_t seed;

static unsigned roll(unsigned below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(seed >> 33) % below;
}

static void init(struct plan *p, unsigned domain_limit)
{
	struct plan_limits l = {.domain = domain_limit, .total = 1000};

	plan_init(p, &l);
}

static void add(struct plan *p, struct plan_entry *e, const char *domain, int64_t due)
{
	struct plan_key key = {.domain = span_str(domain), .tenant = 1};

	plan_add(p, e, &key, due);
}

static void lock(struct plan *p, struct plan_entry *e, const char *domain)
{
	struct plan_key key = {.domain = span_str(domain), .tenant = 1};

	plan_lock(p, e, &key);
}

static void assert_empty(const struct plan *p)
{
	assert_int_equal(p->flows.n, 0);
	assert_int_equal(p->lanes.n, 0);
	assert_int_equal(p->tenants.n, 0);
	assert_int_equal(p->due, 0);
	assert_int_equal(plan_in_flight(p), 0);
	assert_true(plan_next_due(p) == INT64_MAX);
}

/* order in time */

static void test_those_due_first_go_first_and_none_before_its_time(void **state UNUSED)
{
	static const int64_t due[] = {50, 10, 40, 20, 30, -5, INT64_MAX - 1};
	static const size_t order[] = {5, 1, 3, 4, 2, 0};
	struct plan_entry e[ARRAY_LEN(due)] = {0};
	struct plan p;

	init(&p, 100);
	assert_null(plan_take(&p, INT64_MAX));
	assert_true(plan_next_due(&p) == INT64_MAX);
	for (size_t i = 0; i < ARRAY_LEN(due); i++)
		add(&p, &e[i], i % 2 ? "a.example" : "b.example", due[i]);
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		int64_t next = plan_next_due(&p);

		assert_true(next == due[order[i]]);
		assert_null(plan_take(&p, next - 1));
		assert_ptr_equal(plan_take(&p, next), &e[order[i]]);
		assert_true(plan_is_in_flight(&e[order[i]]));
	}
	assert_null(plan_take(&p, DAY));
	assert_true(plan_next_due(&p) == INT64_MAX - 1);
	for (size_t i = 0; i < ARRAY_LEN(due); i++)
		plan_remove(&p, &e[i]);
	assert_empty(&p);
	plan_done(&p);
}

static void test_those_due_together_go_in_the_order_of_adding(void **state UNUSED)
{
	struct plan_entry e[100] = {0};
	struct plan p;

	init(&p, 1);
	for (size_t i = 0; i < ARRAY_LEN(e); i++)
		add(&p, &e[i], "d.example", 10);
	for (size_t i = 0; i < ARRAY_LEN(e); i++) {
		assert_ptr_equal(plan_take(&p, i < 50 ? 10 : 20), &e[i]);
		plan_remove(&p, &e[i]);
	}
	plan_done(&p);
}

/* Also one that comes late with an earlier time. */
static void test_what_waits_for_a_place_goes_in_the_order_of_time(void **state UNUSED)
{
	struct plan_entry flying = {0}, waiting[4] = {0}, older = {0};
	struct plan p;

	init(&p, 1);
	add(&p, &flying, "d.example", 0);
	assert_ptr_equal(plan_take(&p, 100), &flying);
	for (int i = 0; i < 4; i++)
		add(&p, &waiting[i], "d.example", 10 + i);
	assert_null(plan_take(&p, 100));
	plan_remove(&p, &flying);
	add(&p, &older, "d.example", 5);
	assert_ptr_equal(plan_take(&p, 100), &older);
	assert_null(plan_take(&p, 100));
	plan_remove(&p, &older);
	for (int i = 0; i < 4; i++) {
		assert_ptr_equal(plan_take(&p, 100), &waiting[i]);
		assert_null(plan_take(&p, 100));
		plan_remove(&p, &waiting[i]);
	}
	plan_done(&p);
}

static void test_a_clock_that_jumps_neither_loses_nor_repeats_anything(void **state UNUSED)
{
	struct plan_entry e[3] = {0};
	struct plan p;

	init(&p, 1);
	for (int i = 0; i < 3; i++)
		add(&p, &e[i], "d.example", 1000 * i);
	assert_ptr_equal(plan_take(&p, INT64_C(3650) * DAY), &e[0]);
	plan_remove(&p, &e[0]);
	/* what was due stays due; what comes is measured by the new time */
	add(&p, &e[0], "d.example", 50);
	assert_ptr_equal(plan_take(&p, -DAY), &e[1]);
	plan_remove(&p, &e[1]);
	assert_ptr_equal(plan_take(&p, -DAY), &e[2]);
	plan_remove(&p, &e[2]);
	assert_null(plan_take(&p, 49));
	assert_ptr_equal(plan_take(&p, 50), &e[0]);
	plan_done(&p);
}

/* places */

static void test_at_its_domains_limit_a_copy_waits_and_others_pass(void **state UNUSED)
{
	struct plan_entry a[6] = {0}, b = {0};
	struct plan p;

	init(&p, 2);
	for (int i = 0; i < 6; i++)
		add(&p, &a[i], "full.example", i);
	add(&p, &b, "other.example", 10);
	assert_ptr_equal(plan_take(&p, 10), &a[0]);
	assert_ptr_equal(plan_take(&p, 10), &b); /* domains take turns */
	assert_ptr_equal(plan_take(&p, 10), &a[1]);
	assert_null(plan_take(&p, 10));
	assert_true(plan_next_due(&p) == INT64_MAX); /* what is due waits for no time */
	plan_remove(&p, &b);			     /* of no use to the other domain */
	assert_null(plan_take(&p, DAY));
	for (int i = 2; i < 6; i++) {
		plan_remove(&p, &a[i - 2]);
		assert_ptr_equal(plan_take(&p, 10), &a[i]);
		assert_null(plan_take(&p, 10));
	}
	plan_remove(&p, &a[4]);
	plan_remove(&p, &a[5]);
	assert_empty(&p);
	plan_done(&p);
}

static void test_no_more_than_the_total_are_in_flight(void **state UNUSED)
{
	struct plan_limits l = {.domain = 5, .total = 7};
	struct plan_entry e[20] = {0};
	unsigned flying = 0;
	struct plan p;

	plan_init(&p, &l);
	for (unsigned i = 0; i < 20; i++) {
		struct plan_key key = {span_str(i % 2 ? "a.example" : "b.example"), i / 4, 0};

		plan_add(&p, &e[i], &key, i);
	}
	while (plan_take(&p, 100))
		flying++;
	assert_int_equal(flying, 7);
	assert_int_equal(plan_in_flight(&p), 7);
	plan_remove(&p, &e[0]);
	assert_non_null(plan_take(&p, 100));
	assert_null(plan_take(&p, 100));
	plan_done(&p);
}

static void test_what_a_worker_had_before_counts_even_above_the_limits(void **state UNUSED)
{
	struct plan_entry locked[3] = {0}, e = {0};
	struct plan p;

	init(&p, 2);
	for (int i = 0; i < 3; i++)
		lock(&p, &locked[i], "d.example");
	assert_int_equal(plan_in_flight(&p), 3);
	assert_true(plan_next_due(&p) == INT64_MAX);
	add(&p, &e, "d.example", 0);
	assert_null(plan_take(&p, 10));
	plan_remove(&p, &locked[0]);
	assert_null(plan_take(&p, 10));
	plan_remove(&p, &locked[1]);
	assert_ptr_equal(plan_take(&p, 10), &e);
	plan_remove(&p, &locked[2]);
	plan_remove(&p, &e);
	assert_empty(&p);
	plan_done(&p);
}

static const struct {
	const char *name;
	struct plan_limits before, after;
	unsigned first, then; /* in flight, of one tenant: it has its share of the total */
} changes[] = {
	{"a larger domain", {1, 50, 0}, {4, 50, 0}, 2, 8},
	{"a smaller domain", {4, 50, 0}, {1, 50, 0}, 8, 8},
	{"a larger total", {10, 3, 0}, {10, 9, 0}, 3, 8},
	{"a smaller total", {10, 9, 0}, {10, 3, 0}, 8, 8},
	{"both larger", {1, 1, 25}, {8, 12, 25}, 1, 10},
	{"no change", {3, 50, 25}, {3, 50, 25}, 6, 6},
};

static void test_other_limits_hold_at_once(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct plan_entry e[40] = {0};
		unsigned flying = 0;
		struct plan p;

		plan_init(&p, &changes[i].before);
		for (int k = 0; k < 40; k++)
			add(&p, &e[k], k % 2 ? "a.example" : "b.example", k);
		while (plan_take(&p, 100))
			flying++;
		assert_int_equal(flying, changes[i].first);
		plan_limits_set(&p, &changes[i].after);
		while (plan_take(&p, 100))
			flying++;
		if (flying != changes[i].then)
			fail_msg("%s: %u in flight", changes[i].name, flying);
		plan_done(&p);
	}
}

/* Those above a smaller limit end first. */
static void test_a_smaller_limit_is_reached_from_above(void **state UNUSED)
{
	struct plan_limits l = {.domain = 1, .total = 50};
	struct plan_entry e[10] = {0};
	struct plan p;

	init(&p, 4);
	for (int k = 0; k < 10; k++)
		add(&p, &e[k], "d.example", k);
	for (int k = 0; k < 4; k++)
		assert_ptr_equal(plan_take(&p, 100), &e[k]);
	plan_limits_set(&p, &l);
	for (int k = 0; k < 3; k++) {
		plan_remove(&p, &e[k]);
		assert_null(plan_take(&p, 100));
	}
	for (int k = 4; k < 10; k++) {
		plan_remove(&p, &e[k - 1]);
		assert_ptr_equal(plan_take(&p, 100), &e[k]);
		assert_null(plan_take(&p, 100));
	}
	plan_done(&p);
}

static void test_waiting_tells_how_many_are_due_and_since_when(void **state UNUSED)
{
	struct plan_entry e[5] = {0};
	int64_t oldest;
	struct plan p;
	size_t n;

	init(&p, 1);
	plan_waiting(&p, 10, &n, &oldest);
	assert_true(n == 0 && oldest == 0);
	for (int i = 0; i < 5; i++)
		add(&p, &e[i], i % 2 ? "a.example" : "b.example", 10 + i);
	plan_waiting(&p, 9, &n, &oldest);
	assert_true(n == 0 && oldest == 0);
	plan_waiting(&p, 13, &n, &oldest);
	assert_true(n == 4 && oldest == 10);
	assert_true(plan_next_due(&p) == 14);
	assert_ptr_equal(plan_take(&p, 13), &e[0]);
	plan_waiting(&p, 13, &n, &oldest);
	assert_true(n == 3 && oldest == 11);
	plan_remove(&p, &e[1]);
	plan_waiting(&p, 14, &n, &oldest);
	assert_true(n == 3 && oldest == 12);
	plan_done(&p);
}

/* removing */

enum where {
	NOWHERE,
	DUE_LATER,
	JUST_DUE,
	WAITING_FIRST,
	WAITING_MIDDLE,
	WAITING_LAST,
	IN_FLIGHT,
	HAS_A_PLACE_HELD
};

static const char *const where_names[] = {
	[NOWHERE] = "nowhere",
	[DUE_LATER] = "due later",
	[JUST_DUE] = "just due",
	[WAITING_FIRST] = "waiting first",
	[WAITING_MIDDLE] = "waiting between",
	[WAITING_LAST] = "waiting last",
	[IN_FLIGHT] = "in flight",
	[HAS_A_PLACE_HELD] = "has a place held",
};

static void check_removed_from(enum where where)
{
	struct plan_entry nowhere = {0}, flying = {0}, waiting[3] = {0}, due = {0}, later = {0};
	struct plan_entry *const all[] = {&flying,     &waiting[0], &waiting[1],
					  &waiting[2], &due,	    &later};
	struct plan_entry *const gone[] = {
		[NOWHERE] = &nowhere,
		[DUE_LATER] = &later,
		[JUST_DUE] = &due,
		[WAITING_FIRST] = &waiting[0],
		[WAITING_MIDDLE] = &waiting[1],
		[WAITING_LAST] = &waiting[2],
		[IN_FLIGHT] = &flying,
		[HAS_A_PLACE_HELD] = &waiting[0],
	};
	bool held = where == HAS_A_PLACE_HELD;
	struct plan p;

	init(&p, 1);
	add(&p, &flying, "d.example", 0);
	assert_ptr_equal(plan_take(&p, 100), &flying);
	for (int i = 0; i < 3; i++)
		add(&p, &waiting[i], "d.example", 10 + i);
	assert_null(plan_take(&p, 100));
	add(&p, &due, "d.example", 20);
	add(&p, &later, "d.example", 200);
	if (held)
		plan_remove(&p, &flying);
	plan_remove(&p, gone[where]);
	plan_remove(&p, gone[where]); /* a second time: nothing */
	if (!held && where != IN_FLIGHT) {
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
	assert_empty(&p);
	plan_done(&p);
}

static void test_removed_from_wherever_it_is(void **state UNUSED)
{
	for (int w = NOWHERE; w <= HAS_A_PLACE_HELD; w++)
		check_removed_from((enum where)w);
}

static void test_a_place_that_was_held_for_what_is_removed_goes_to_the_next(void **state UNUSED)
{
	struct plan_entry flying = {0}, e[3] = {0};
	struct plan_key key = {.domain = SPAN_LIT("d.example")};
	struct plan p;

	init(&p, 1);
	add(&p, &flying, "d.example", 0);
	assert_ptr_equal(plan_take(&p, 100), &flying);
	for (unsigned i = 0; i < 3; i++) {
		key.tenant = 10 + i;
		plan_add(&p, &e[i], &key, 1);
	}
	assert_null(plan_take(&p, 100));
	plan_remove(&p, &flying);
	plan_remove(&p, &e[0]);
	plan_remove(&p, &e[1]);
	assert_ptr_equal(plan_take(&p, 100), &e[2]);
	plan_remove(&p, &e[2]);
	assert_empty(&p);
	plan_done(&p);
}

static void test_removed_it_can_be_planned_again(void **state UNUSED)
{
	struct plan_entry e = {0};
	struct plan p;

	init(&p, 1);
	for (int i = 0; i < 3; i++) {
		add(&p, &e, "d.example", 100 * i);
		assert_ptr_equal(plan_take(&p, 100 * i), &e);
		plan_remove(&p, &e);
		assert_empty(&p);
		add(&p, &e, "e.example", 5);
		plan_remove(&p, &e);
		assert_null(plan_take(&p, DAY));
	}
	plan_done(&p);
}

/* any steps */

enum { RUNS = 300, RUN_BYTES = 6000 };

static void test_any_steps_give_what_a_naive_model_gives(void **state UNUSED)
{
	static uint8_t bytes[RUN_BYTES];

	for (int run = 0; run < RUNS; run++) {
		seed = (uint64_t)run;
		for (size_t i = 0; i < RUN_BYTES; i++)
			bytes[i] = (uint8_t)roll(256);
		model_run(span_of(bytes, RUN_BYTES));
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
		cmocka_unit_test(test_those_due_together_go_in_the_order_of_adding),
		cmocka_unit_test(test_what_waits_for_a_place_goes_in_the_order_of_time),
		cmocka_unit_test(test_a_clock_that_jumps_neither_loses_nor_repeats_anything),
		cmocka_unit_test(test_at_its_domains_limit_a_copy_waits_and_others_pass),
		cmocka_unit_test(test_no_more_than_the_total_are_in_flight),
		cmocka_unit_test(test_what_a_worker_had_before_counts_even_above_the_limits),
		cmocka_unit_test(test_other_limits_hold_at_once),
		cmocka_unit_test(test_a_smaller_limit_is_reached_from_above),
		cmocka_unit_test(test_waiting_tells_how_many_are_due_and_since_when),
		cmocka_unit_test(test_removed_from_wherever_it_is),
		cmocka_unit_test(test_a_place_that_was_held_for_what_is_removed_goes_to_the_next),
		cmocka_unit_test(test_removed_it_can_be_planned_again),
		cmocka_unit_test(test_any_steps_give_what_a_naive_model_gives),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
