/*
 * usage_test.c - counts of a rolling hour, with the time as an argument.
 */
#include "queued/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "queued/queued.h"

struct conf *conf; /* for the rest of the folder; main.c is not linked */

enum { MINUTE = 60000, HOUR = 60 * MINUTE };

static uint64_t next_server = 1000;

static struct usage *fresh(void)
{
	return usage_of(next_server++);
}

static struct mono at(int64_t ms)
{
	return (struct mono){ms};
}

static void send_some(struct usage *u, int64_t ms, int n)
{
	while (n-- > 0)
		usage_count(u, at(ms));
}

static void test_a_server_has_one_usage(void **state UNUSED)
{
	struct usage *u = usage_of(7);

	assert_ptr_equal(u, usage_of(7));
	assert_ptr_not_equal(u, usage_of(8));
	assert_int_equal(u->server, 7);
}

static void test_open_bytes_are_those_of_open_messages(void **state UNUSED)
{
	struct usage *u = fresh();

	usage_opened(u, 300);
	usage_opened(u, 700);
	assert_false(usage_over_bytes(u)); /* no limit */
	u->bytes_limit = 1000;
	assert_true(usage_over_bytes(u));
	usage_closed(u, 300);
	assert_false(usage_over_bytes(u));
	assert_int_equal(u->open_bytes, 700);
}

static void test_what_is_an_hour_old_counts_no_more(void **state UNUSED)
{
	struct usage *u = fresh();
	int64_t start = 1000 * (int64_t)HOUR;

	send_some(u, start, 5);
	send_some(u, start + 30 * MINUTE, 3);
	assert_int_equal(usage_sent(u, at(start + 59 * MINUTE)), 8);
	assert_int_equal(usage_sent(u, at(start + 60 * MINUTE)), 3);
	assert_int_equal(usage_sent(u, at(start + 89 * MINUTE)), 3);
	assert_int_equal(usage_sent(u, at(start + 90 * MINUTE)), 0);
	send_some(u, start + 500 * HOUR, 2);
	assert_int_equal(usage_sent(u, at(start + 500 * HOUR)), 2);
}

static void test_there_is_room_when_enough_has_left_the_hour(void **state UNUSED)
{
	struct usage *u = fresh();
	int64_t start = 1000 * (int64_t)HOUR;
	struct mono now = at(start + 20 * MINUTE), room;

	send_some(u, start, 5);
	send_some(u, start + 10 * MINUTE, 5);
	room = usage_room_at(u, now, 10);
	assert_int_equal(room.ms, start + 60 * MINUTE);
	assert_true(usage_sent(u, at(room.ms - 1)) >= 10);
	assert_true(usage_sent(u, room) < 10);
}

static void test_counts_of_before_the_boot_are_known(void **state UNUSED)
{
	struct usage *u = fresh();

	assert_true(usage_read(u, at(5 * MINUTE), 2 * MINUTE, SPAN_LIT("50 3 1 4")));
	assert_int_equal(usage_sent(u, at(5 * MINUTE)), 7);
	assert_int_equal(usage_room_at(u, at(5 * MINUTE), 7).ms, 13 * MINUTE);
	assert_int_equal(usage_sent(u, at(13 * MINUTE)), 4);
	assert_int_equal(usage_sent(u, at(62 * MINUTE)), 0);
}

static void test_a_smaller_limit_waits_longer(void **state UNUSED)
{
	struct usage *u = fresh();
	int64_t start = 1000 * (int64_t)HOUR;
	struct mono now = at(start + 20 * MINUTE), room;

	send_some(u, start, 5);
	send_some(u, start + 10 * MINUTE, 5);
	room = usage_room_at(u, now, 3);
	assert_int_equal(room.ms, start + 70 * MINUTE);
	assert_true(usage_sent(u, at(room.ms - 1)) >= 3);
	assert_true(usage_sent(u, room) < 3);
}

/* A host that was started a minute ago: minutes before its clock's begin do not exist. */
static void test_the_first_hour_of_the_clock(void **state UNUSED)
{
	struct usage *u = fresh();

	send_some(u, MINUTE, 4);
	assert_int_equal(usage_sent(u, at(MINUTE)), 4);
	assert_int_equal(usage_room_at(u, at(MINUTE), 4).ms, 61 * MINUTE);
}

static void test_counts_are_read_as_they_were_written(void **state UNUSED)
{
	struct usage *u = fresh(), *v = fresh(), *w = fresh();
	int64_t start = 1000 * (int64_t)HOUR, other = 3 * (int64_t)HOUR;
	struct buf text;

	buf_init(&text, 4096);
	send_some(u, start, 5);
	send_some(u, start + 30 * MINUTE, 3);
	usage_text(u, at(start + 40 * MINUTE), &text);
	assert_true(span_eq_str(buf_span(&text), "40 5 10 3"));
	/* another boot has another clock */
	assert_true(usage_read(v, at(other), 0, buf_span(&text)));
	assert_int_equal(usage_sent(v, at(other)), 8);
	assert_int_equal(usage_sent(v, at(other + 20 * MINUTE)), 3);
	/* down for half an hour */
	assert_true(usage_read(w, at(other), 30 * MINUTE, buf_span(&text)));
	assert_int_equal(usage_sent(w, at(other)), 3);
	buf_done(&text);
}

static void test_text_that_is_none_is_refused(void **state UNUSED)
{
	static const char *const bad[] = {"x", "60 1", "1", "1 x", "1 4294967296", "-1 1", "1  1"};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (usage_read(fresh(), at(HOUR), 0, span_str(bad[i])))
			fail_msg("\"%s\" was read", bad[i]);
	assert_true(usage_read(fresh(), at(HOUR), 0, SPAN_LIT("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_server_has_one_usage),
		cmocka_unit_test(test_open_bytes_are_those_of_open_messages),
		cmocka_unit_test(test_what_is_an_hour_old_counts_no_more),
		cmocka_unit_test(test_there_is_room_when_enough_has_left_the_hour),
		cmocka_unit_test(test_a_smaller_limit_waits_longer),
		cmocka_unit_test(test_counts_of_before_the_boot_are_known),
		cmocka_unit_test(test_the_first_hour_of_the_clock),
		cmocka_unit_test(test_counts_are_read_as_they_were_written),
		cmocka_unit_test(test_text_that_is_none_is_refused),
	};

	return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
