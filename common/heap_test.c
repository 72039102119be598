#include "common/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { NODES = 300, STEPS = 100000 };

static uint64_t seed;

/* The same sequence in every run, so that a failure comes again. */
static unsigned roll(unsigned below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(seed >> 33) % below;
}

static struct heap_node nodes[NODES];

static int64_t naive_least(size_t *count)
{
	int64_t least = INT64_MAX;

	*count = 0;
	for (size_t i = 0; i < NODES; i++) {
		if (!nodes[i].at)
			continue;
		(*count)++;
		least = nodes[i].key < least ? nodes[i].key : least;
	}
	return least;
}

static void check(const struct heap *h)
{
	size_t count;
	int64_t least = naive_least(&count);
	struct heap_node *first = heap_first(h);

	assert_int_equal(h->n, count);
	assert_int_equal(first != NULL, count > 0);
	assert_true(!first || first->key == least);
}

static const struct {
	const char *name;
	unsigned keys; /* few different ones make many equal */
	unsigned adds; /* of 100 steps */
} mixes[] = {
	{"few keys", 3, 50},
	{"many keys", 1000000, 50},
	{"mostly growing", 1000, 80},
	{"mostly shrinking", 1000, 20},
};

static void test_any_steps_give_what_a_naive_model_gives(void **state UNUSED)
{
	for (size_t m = 0; m < ARRAY_LEN(mixes); m++) {
		struct heap h = {0};

		seed = m;
		memset(nodes, 0, sizeof(nodes));
		for (int step = 0; step < STEPS; step++) {
			struct heap_node *n = &nodes[roll(NODES)];

			if (roll(100) >= mixes[m].adds)
				n = roll(2) ? n : heap_first(&h);
			else if (!n->at) {
				heap_add(&h, n, (int64_t)roll(mixes[m].keys) - 1);
				continue;
			}
			if (n)
				heap_remove(&h, n);
			assert_true(!n || n->at == 0);
			check(&h);
		}
		heap_done(&h);
	}
}

static void test_keys_come_out_in_order(void **state UNUSED)
{
	struct heap h = {0};

	memset(nodes, 0, sizeof(nodes));
	heap_add(&h, &nodes[NODES - 2], INT64_MAX);
	heap_add(&h, &nodes[NODES - 1], INT64_MIN);
	for (size_t i = 0; i < NODES - 2; i++)
		heap_add(&h, &nodes[i], (int64_t)(i * 7919 % 298));
	for (size_t i = 0; i < NODES; i++) {
		struct heap_node *n = heap_first(&h);

		assert_non_null(n);
		assert_true(n->key == (i == 0	       ? INT64_MIN
				       : i < NODES - 1 ? (int64_t)i - 1
						       : INT64_MAX));
		heap_remove(&h, n);
	}
	assert_null(heap_first(&h));
	heap_done(&h);
}

/* Among equal keys, also after some were removed from the middle. */
static void test_equal_keys_come_out_in_the_order_of_adding(void **state UNUSED)
{
	struct heap h = {0};

	memset(nodes, 0, sizeof(nodes));
	for (size_t i = 0; i < NODES; i++)
		heap_add(&h, &nodes[i], (int64_t)(i % 3));
	for (size_t i = 0; i < NODES; i += 5)
		heap_remove(&h, &nodes[i]);
	for (size_t key = 0; key < 3; key++) {
		for (size_t i = key; i < NODES; i += 3) {
			if (i % 5 == 0)
				continue;
			assert_ptr_equal(heap_first(&h), &nodes[i]);
			heap_remove(&h, &nodes[i]);
		}
	}
	heap_done(&h);
}

static void test_removing_what_is_in_no_heap_does_nothing(void **state UNUSED)
{
	struct heap h = {0};
	struct heap_node in = {0}, out = {0};

	heap_remove(&h, &out);
	heap_add(&h, &in, 5);
	heap_remove(&h, &out);
	assert_ptr_equal(heap_first(&h), &in);
	heap_remove(&h, &in);
	heap_remove(&h, &in);
	assert_null(heap_first(&h));
	assert_int_equal(h.n, 0);
	assert_int_equal(in.key, 5);
	heap_done(&h);
	assert_null(heap_first(&h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_steps_give_what_a_naive_model_gives),
		cmocka_unit_test(test_keys_come_out_in_order),
		cmocka_unit_test(test_equal_keys_come_out_in_the_order_of_adding),
		cmocka_unit_test(test_removing_what_is_in_no_heap_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
