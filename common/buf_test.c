#include "common/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

/* The sizes around which the growing changes its step, and maxima on both sides of them. */
static const size_t maxima[] = {0, 1, 255, 256, 257, 300, 511, 512, 513, 1000, 4096, 70000};

static void test_every_byte_up_to_the_maximum_is_kept(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(maxima); i++) {
		struct buf b;

		buf_init(&b, maxima[i]);
		for (size_t n = 0; n < maxima[i]; n++)
			buf_byte(&b, (uint8_t)(n * 7));
		assert_true(buf_ok(&b));
		assert_int_equal(b.n, maxima[i]);
		for (size_t n = 0; n < maxima[i]; n++)
			assert_int_equal(buf_span(&b).p[n], (uint8_t)(n * 7));
		buf_byte(&b, 'x');
		assert_false(buf_ok(&b));
		assert_int_equal(b.n, maxima[i]);
		buf_done(&b);
	}
}

static void test_one_piece_of_the_maximum_and_one_byte_more(void **state UNUSED)
{
	uint8_t *bytes = mem_alloc(70001);

	for (size_t i = 0; i < ARRAY_LEN(maxima); i++) {
		struct buf b;

		buf_init(&b, maxima[i]);
		buf_add(&b, span_of(bytes, maxima[i]));
		assert_true(buf_ok(&b));
		buf_reset(&b);
		buf_add(&b, span_of(bytes, maxima[i] + 1));
		assert_false(buf_ok(&b));
		assert_int_equal(b.n, 0);
		buf_done(&b);
	}
	mem_free(bytes);
}

static void test_the_error_sticks_until_reset(void **state UNUSED)
{
	struct buf b;

	buf_init(&b, 4);
	buf_str(&b, "abc");
	buf_str(&b, "de");
	assert_false(buf_ok(&b));
	buf_byte(&b, 'x'); /* would fit */
	buf_fmt(&b, "%d", 1);
	assert_null(buf_room(&b, 1));
	assert_true(span_eq_str(buf_span(&b), "abc"));
	assert_false(buf_ok(&b));
	buf_reset(&b);
	assert_true(buf_ok(&b));
	buf_str(&b, "wxyz");
	assert_true(buf_ok(&b) && span_eq_str(buf_span(&b), "wxyz"));
	buf_done(&b);
	assert_null(b.p);
	buf_str(&b, "abcde"); /* the maximum outlives buf_done() */
	assert_false(buf_ok(&b));
	buf_done(&b);
}

static void test_a_size_that_overflows_is_past_the_maximum(void **state UNUSED)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_byte(&b, 'x');
	assert_null(buf_room(&b, SIZE_MAX));
	assert_false(buf_ok(&b));
	buf_done(&b);
}

static void test_nothing_added_is_no_error(void **state UNUSED)
{
	struct buf b;

	buf_init(&b, 0);
	buf_str(&b, "");
	buf_str(&b, NULL);
	buf_add(&b, span_of(NULL, 0));
	buf_fmt(&b, "%s", "");
	buf_drop(&b, 0);
	assert_true(buf_ok(&b));
	assert_int_equal(buf_span(&b).n, 0);
	buf_done(&b);
}

/* 511 and 512 are the last that fits the small room on the stack and the first that does not. */
static const int widths[] = {0, 1, 510, 511, 512, 513, 5000};

static void test_formatted_text_of_any_length(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(widths); i++) {
		struct buf b;

		buf_init(&b, 5001);
		buf_byte(&b, '>');
		buf_fmt(&b, "%0*d", widths[i], 7);
		assert_true(buf_ok(&b));
		assert_int_equal(b.n, 1 + (widths[i] ? widths[i] : 1));
		assert_int_equal(b.p[b.n - 1], '7');
		for (size_t k = 1; k + 1 < b.n; k++)
			assert_int_equal(b.p[k], '0');
		buf_done(&b);
	}
}

static const struct {
	size_t drop;
	const char *left;
} drops[] = {{0, "abcdef"}, {1, "bcdef"}, {5, "f"}, {6, ""}};

static void test_drop_takes_from_the_front(void **state UNUSED)
{
	struct buf b;

	buf_init(&b, 6);
	for (size_t i = 0; i < ARRAY_LEN(drops); i++) {
		buf_reset(&b);
		buf_str(&b, "abcdef");
		buf_drop(&b, drops[i].drop);
		assert_true(span_eq_str(buf_span(&b), drops[i].left));
	}
	buf_done(&b);
}

static void test_room_counts_only_what_is_used(void **state UNUSED)
{
	struct buf b;
	uint8_t *room;

	buf_init(&b, 1000);
	buf_str(&b, "a");
	room = buf_room(&b, 999);
	assert_non_null(room);
	memcpy(room, "bc", 2);
	assert_int_equal(b.n, 1);
	buf_used(&b, 2);
	assert_true(span_eq_str(buf_span(&b), "abc"));
	assert_null(buf_room(&b, 998));
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte_up_to_the_maximum_is_kept),
		cmocka_unit_test(test_one_piece_of_the_maximum_and_one_byte_more),
		cmocka_unit_test(test_the_error_sticks_until_reset),
		cmocka_unit_test(test_a_size_that_overflows_is_past_the_maximum),
		cmocka_unit_test(test_nothing_added_is_no_error),
		cmocka_unit_test(test_formatted_text_of_any_length),
		cmocka_unit_test(test_drop_takes_from_the_front),
		cmocka_unit_test(test_room_counts_only_what_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
