/*
 * sigcache_test.c - what is found again, and what is not.
 */
#include "deliverd/sigcache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <sodium.h>

static struct sigcache_key key_of(const char *hash, const char *first, const char *second)
{
	struct span keys[] = {span_str(first), span_str(second ? second : "")};
	struct sigcache_key key;

	sigcache_key(span_str(hash), keys, second ? 2 : 1, &key);
	return key;
}

static void test_the_same_bytes_and_keys_are_found(void **state UNUSED)
{
	struct sigcache_key key = key_of("h", "a", "b");
	const struct sigcache_key others[] = {key_of("i", "a", "b"), key_of("h", "b", "a"),
					      key_of("h", "a", NULL), key_of("h", "ab", ""),
					      key_of("h", "ab", NULL)};
	struct span found;

	sigcache_put(&key, (struct mono){1000}, SPAN_LIT("fields"));
	assert_true(sigcache_find(&key, (struct mono){1000 + SIGCACHE_MS - 1}, &found));
	assert_true(span_eq_str(found, "fields"));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_false(sigcache_find(&others[i], (struct mono){1000}, &found));
	assert_false(sigcache_find(&key, (struct mono){1000 + SIGCACHE_MS}, &found));
	sigcache_clear();
	assert_false(sigcache_find(&key, (struct mono){1000}, &found));
}

static void test_the_oldest_make_room(void **state UNUSED)
{
	struct sigcache_key first = key_of("0", "a", NULL);
	struct span found;

	sigcache_put(&first, (struct mono){1}, SPAN_LIT("first"));
	for (unsigned i = 1; i <= SIGCACHE_ENTRIES; i++) {
		char hash[2] = {(char)(i + 128), '\0'};
		struct sigcache_key key = key_of(hash, "a", NULL);

		assert_int_equal(sigcache_find(&first, (struct mono){1}, &found), true);
		sigcache_put(&key, (struct mono){1}, SPAN_LIT("other"));
	}
	assert_false(sigcache_find(&first, (struct mono){1}, &found));
	sigcache_clear();
}

static int setup(void **state UNUSED)
{
	return sodium_init() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_bytes_and_keys_are_found),
		cmocka_unit_test(test_the_oldest_make_room),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
