#include "common/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <sodium.h>

enum { ITEMS = 5000, STEPS = 200000 };

static struct item {
	struct hash_node node;
	uint8_t key[12];
	size_t key_n;
	bool in;
	unsigned visits;
} items[ITEMS];

static uint64_t seed;

static unsigned roll(unsigned below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(seed >> 33) % below;
}

/* All keys differ; one is empty, many begin with NUL, lengths are mixed. */
static void items_make(void)
{
	memset(items, 0, sizeof(items));
	for (size_t i = 0; i < ITEMS; i++) {
		items[i].key_n = i < 4 ? i : 4 + i % 9;
		if (i >= 4)
			memcpy(items[i].key, &(uint32_t){(uint32_t)i << 8}, 4);
	}
}

static struct span key_of(const struct item *i)
{
	return span_of(i->key, i->key_n);
}

static void flip(struct hash *t, struct item *i)
{
	if (i->in)
		hash_remove(t, &i->node);
	else
		hash_add(t, &i->node, key_of(i));
	i->in = !i->in;
}

static void check(const struct hash *t, const struct item *i)
{
	struct hash_node *n = hash_find(t, key_of(i));

	assert_ptr_equal(n, i->in ? &i->node : NULL);
}

static void test_any_steps_give_what_a_naive_model_gives(void **state UNUSED)
{
	struct hash t = {0};
	size_t count = 0;

	items_make();
	seed = 1;
	for (int step = 0; step < STEPS; step++) {
		struct item *i = &items[roll(ITEMS)];

		check(&t, i);
		flip(&t, i);
		check(&t, i);
		check(&t, &items[roll(ITEMS)]);
		count = i->in ? count + 1 : count - 1;
		assert_int_equal(t.n, count);
	}
	for (size_t i = 0; i < ITEMS; i++)
		check(&t, &items[i]);
	hash_done(&t);
	assert_null(hash_find(&t, key_of(&items[0])));
}

static void test_a_key_is_all_its_bytes(void **state UNUSED)
{
	struct hash t = {0};
	struct hash_node a = {0}, b = {0}, none = {0};

	assert_null(hash_find(&t, SPAN_LIT("a")));
	hash_add(&t, &a, SPAN_LIT("a\0x"));
	hash_add(&t, &b, SPAN_LIT("a\0y"));
	hash_add(&t, &none, span_of(NULL, 0));
	assert_ptr_equal(hash_find(&t, SPAN_LIT("a\0x")), &a);
	assert_ptr_equal(hash_find(&t, SPAN_LIT("a\0y")), &b);
	assert_ptr_equal(hash_find(&t, SPAN_LIT("")), &none);
	assert_null(hash_find(&t, SPAN_LIT("a\0")));
	assert_null(hash_find(&t, SPAN_LIT("a\0xx")));
	assert_null(hash_find(&t, SPAN_LIT("A\0x")));
	hash_done(&t);
}

static void visit(struct hash_node *node, void *arg)
{
	(void)arg;
	container_of(node, struct item, node)->visits++;
}

static void visit_and_remove(struct hash_node *node, void *arg)
{
	struct item *i = container_of(node, struct item, node);

	i->visits++;
	if ((i - items) % 3)
		flip(arg, i);
}

static void test_each_is_visited_once(void **state UNUSED)
{
	struct hash t = {0};

	items_make();
	hash_each(&t, visit, NULL);
	for (size_t i = 0; i < ITEMS; i++)
		flip(&t, &items[i]);
	hash_each(&t, visit, NULL);
	hash_each(&t, visit_and_remove, &t);
	for (size_t i = 0; i < ITEMS; i++) {
		assert_int_equal(items[i].visits, 2);
		assert_int_equal(items[i].in, i % 3 == 0);
		check(&t, &items[i]);
	}
	hash_each(&t, visit_and_remove, &t);
	assert_int_equal(t.n, (ITEMS + 2) / 3);
	hash_done(&t);
}

static int setup(void **state UNUSED)
{
	return sodium_init() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_steps_give_what_a_naive_model_gives),
		cmocka_unit_test(test_a_key_is_all_its_bytes),
		cmocka_unit_test(test_each_is_visited_once),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
