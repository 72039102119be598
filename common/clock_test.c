#include "common/clock.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define DAY INT64_C(86400000)

static const struct {
	int64_t ms;
	const char *iso, *rfc5322;
	int32_t day;
} times[] = {
	{0, "1970-01-01T00:00:00.000Z", "Thu, 1 Jan 1970 00:00:00 +0000", 0},
	{999, "1970-01-01T00:00:00.999Z", "Thu, 1 Jan 1970 00:00:00 +0000", 0},
	{DAY - 1, "1970-01-01T23:59:59.999Z", "Thu, 1 Jan 1970 23:59:59 +0000", 0},
	{DAY, "1970-01-02T00:00:00.000Z", "Fri, 2 Jan 1970 00:00:00 +0000", 1},
	{951782400007, "2000-02-29T00:00:00.007Z", "Tue, 29 Feb 2000 00:00:00 +0000", 11016},
	{1795459472123, "2026-11-23T18:44:32.123Z", "Mon, 23 Nov 2026 18:44:32 +0000", 20780},
	{INT64_C(2147483648000), "2038-01-19T03:14:08.000Z", "Tue, 19 Jan 2038 03:14:08 +0000",
	 24855},
	{INT64_C(4102444800000) - 1, "2099-12-31T23:59:59.999Z", "Thu, 31 Dec 2099 23:59:59 +0000",
	 47481},
	{INT64_C(253402300799999), "9999-12-31T23:59:59.999Z", "Fri, 31 Dec 9999 23:59:59 +0000",
	 2932896},
};

static void check_times(void)
{
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		char text[WALL_TEXT_SIZE];
		struct wall t = {times[i].ms};

		wall_iso(t, text);
		assert_string_equal(text, times[i].iso);
		wall_rfc5322(t, text);
		assert_string_equal(text, times[i].rfc5322);
		assert_int_equal(wall_day(t), times[i].day);
	}
}

static void test_times(void **state UNUSED)
{
	check_times();
}

static void test_neither_zone_nor_language_matters(void **state UNUSED)
{
	assert_int_equal(setenv("TZ", "Asia/Kathmandu", 1), 0);
	assert_int_equal(setenv("LC_ALL", "de_DE.UTF-8", 1), 0);
	setlocale(LC_ALL, ""); /* where that one is not installed, the zone is left to be seen */
	check_times();
	setlocale(LC_ALL, "C");
}

static void test_the_seven_days_and_twelve_months(void **state UNUSED)
{
	static const char days[] = "Thu Fri Sat Sun Mon Tue Wed ";
	static const char months[] = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec ";
	char text[WALL_TEXT_SIZE], month[4] = "Dec";
	size_t m = 0;

	for (int64_t d = 0; d < 365; d++) {
		wall_rfc5322((struct wall){d * DAY}, text);
		assert_memory_equal(text, days + 4 * (d % 7), 3);
		const char *name = text + (text[6] == ' ' ? 7 : 8);
		if (memcmp(name, month, 3) != 0) {
			memcpy(month, name, 3);
			assert_memory_equal(name, months + 4 * m++, 3);
		}
	}
	assert_int_equal(m, 12);
}

/* A spool file may hold any number as its time. */
static void test_the_last_time_there_is_fits(void **state UNUSED)
{
	char text[WALL_TEXT_SIZE];

	wall_iso((struct wall){INT64_MAX}, text);
	assert_int_equal(text[strlen(text) - 1], 'Z');
	wall_rfc5322((struct wall){INT64_MAX}, text);
	assert_string_equal(text + strlen(text) - 5, "+0000");
}

static void test_clocks_go_forward(void **state UNUSED)
{
	struct mono m = mono_now();
	struct wall w = wall_now();

	for (int i = 0; i < 1000; i++) {
		struct mono next = mono_now();

		assert_true(next.ms >= m.ms);
		m = next;
	}
	assert_true(w.ms > INT64_C(1735689600000)); /* 2025 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_neither_zone_nor_language_matters),
		cmocka_unit_test(test_the_seven_days_and_twelve_months),
		cmocka_unit_test(test_the_last_time_there_is_fits),
		cmocka_unit_test(test_clocks_go_forward),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
