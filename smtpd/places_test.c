#include "smtpd/places.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { KEYS = 50, WORKERS = 3, STEPS = 20000, HELD_MAX = 400 };

static struct places *t;

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

static void a_key_reaches_as_many_as_it_holds(void **state)
{
	uint32_t first;

	(void)state;
	assert_true(places_reach(t, 7, 0));
	assert_false(places_reach(t, 7, 1));
	first = places_take(t, 7, 0, false);
	places_take(t, 7, 1, true);
	/* of the same chain, but another key */
	places_take(t, 7 + PLACES_CHAINS, 1, true);
	assert_true(places_reach(t, 7, 2));
	assert_false(places_reach(t, 7, 3));
	assert_int_equal(t->total, 3);
	assert_int_equal(t->mx, 2);
	places_give(t, first);
	assert_false(places_reach(t, 7, 2));
	assert_true(places_reach(t, 7, 1));
	assert_int_equal(t->total, 2);
}

static void all_places_can_be_taken_and_no_more(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < PLACES_MAX; i++)
		assert_int_not_equal(places_take(t, i * UINT64_C(0x9e3779b97f4a7c15), 0, false), 0);
	assert_int_equal(places_take(t, 1, 0, false), 0);
	places_give(t, 500);
	assert_int_equal(places_take(t, 1, 1, true), 500);
	places_give_all(t, 0);
	assert_int_equal(t->total, 1);
	assert_int_equal(t->mx, 1);
}

/* a naive model: who holds what */
static struct held {
	uint32_t place;
	uint64_t key;
	unsigned worker;
	bool mx;
} held[HELD_MAX];
static size_t held_n;
static uint64_t seed;

static unsigned roll(unsigned below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(seed >> 33) % below;
}

static void check_against_model(void)
{
	uint32_t mx = 0;

	assert_int_equal(t->total, held_n);
	for (size_t i = 0; i < held_n; i++)
		mx += held[i].mx;
	assert_int_equal(t->mx, mx);
	for (uint64_t key = 0; key < KEYS; key++) {
		uint32_t n = 0;

		for (size_t i = 0; i < held_n; i++)
			n += held[i].key == key;
		assert_true(places_reach(t, key, n));
		assert_false(places_reach(t, key, n + 1));
	}
}

static void take_one(void)
{
	struct held *h = &held[held_n++];

	h->key = roll(KEYS);
	h->worker = roll(WORKERS);
	h->mx = roll(2);
	h->place = places_take(t, h->key, h->worker, h->mx);
	assert_int_not_equal(h->place, 0);
}

static void lose_worker(unsigned worker)
{
	size_t n = 0;

	places_give_all(t, worker);
	for (size_t i = 0; i < held_n; i++)
		if (held[i].worker != worker)
			held[n++] = held[i];
	held_n = n;
}

/* What a kill may leave: sums, chains and list that say anything. */
static void spoil(void)
{
	t->total = roll(1000);
	t->mx = roll(1000);
	t->free = roll(3);
	for (unsigned i = 0; i < KEYS; i++)
		t->chains[i] = roll(t->made + 1);
	for (uint32_t i = 1; i <= t->made; i++)
		t->at[i].next = t->at[i].prev = roll(t->made + 1);
	places_mend(t);
}

static void any_steps_give_what_a_naive_model_gives(void **state)
{
	(void)state;
	seed = 1;
	held_n = 0;
	for (unsigned i = 0; i < STEPS; i++) {
		if (held_n < HELD_MAX && roll(5) < 3) {
			take_one();
		} else if (held_n) {
			size_t at = roll((unsigned)held_n);

			places_give(t, held[at].place);
			held[at] = held[--held_n];
		}
		if (roll(500) == 0)
			lose_worker(roll(WORKERS));
		if (roll(200) == 0)
			spoil();
		if (i % 50 == 0)
			check_against_model();
	}
	check_against_model();
	for (unsigned w = 0; w < WORKERS; w++)
		lose_worker(w);
	assert_int_equal(t->total, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_reaches_as_many_as_it_holds, setup, teardown),
		cmocka_unit_test_setup_teardown(all_places_can_be_taken_and_no_more, setup,
						teardown),
		cmocka_unit_test_setup_teardown(any_steps_give_what_a_naive_model_gives, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("places", tests, NULL, NULL);
}
