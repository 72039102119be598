#include "common/mail/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct date_case {
	const char *in;
	int64_t ms; /* -1: refused */
};

static const struct date_case rfc3339[] = {
	{"1970-01-01T00:00:00Z", 0},
	{"2026-11-24T10:00:00Z", INT64_C(1795514400000)},
	{"2026-11-24 10:00:00z", INT64_C(1795514400000)},
	{"2026-11-24t11:00:00+01:00", INT64_C(1795514400000)},
	{"2026-11-23T22:30:00-11:30", INT64_C(1795514400000)},
	{"2026-11-24T10:00:00.5Z", INT64_C(1795514400500)},
	{"2026-11-24T10:00:00.123456789Z", INT64_C(1795514400123)},
	{"2000-02-29T00:00:00Z", INT64_C(951782400000)},
	{"2024-03-01T00:00:00Z", INT64_C(1709251200000)},
	{"2100-03-01T00:00:00Z", INT64_C(4107542400000)},
	{"2016-12-31T23:59:60Z", INT64_C(1483228800000)},
	{"9999-12-31T23:59:59Z", INT64_C(253402300799000)},
	{"2100-02-29T00:00:00Z", -1},
	{"2026-02-30T00:00:00Z", -1},
	{"2026-00-01T00:00:00Z", -1},
	{"2026-13-01T00:00:00Z", -1},
	{"2026-01-00T00:00:00Z", -1},
	{"2026-01-01T24:00:00Z", -1},
	{"2026-01-01T00:60:00Z", -1},
	{"2026-01-01T00:00:61Z", -1},
	{"1969-12-31T23:59:59Z", -1},
	{"2026-1-01T00:00:00Z", -1},
	{"2026-11-24", -1},
	{"2026-11-24T10:00:00", -1},
	{"2026-11-24T10:00Z", -1},
	{"2026-11-24T10:00:00.Z", -1},
	{"2026-11-24T10:00:00+0100", -1},
	{"2026-11-24T10:00:00+24:00", -1},
	{"2026-11-24T10:00:00Z ", -1},
	{"12026-11-24T10:00:00Z", -1},
	{"", -1},
};

static const struct date_case rfc5322[] = {
	{"Tue, 24 Nov 2026 10:00:00 +0000", INT64_C(1795514400000)},
	{"24 nov 2026 10:00 GMT", INT64_C(1795514400000)},
	{"tue , 24 Nov 2026\t11:00:00  +0100 (CET)", INT64_C(1795514400000)},
	{"Tue,24 Nov 2026 05:00:00 -0500", INT64_C(1795514400000)},
	{"Mon, 24 Nov 2026 10:00:00 UTC", INT64_C(1795514400000)},
	{"1 Jan 1970 00:00:00 UT", 0},
	{"24 Nov 26 10:00:00 +0000", -1},
	{"24 November 2026 10:00:00 +0000", -1},
	{"24 Nov 2026 10:00:00", -1},
	{"24 Nov 2026 10:00:00 EST", -1},
	{"24 Nov 2026 10:00:00 UTCX", -1},
	{"24 Nov 2026 10:00:00 +00000", -1},
	{"24 Nov 2026 10:00:00 +0060", -1},
	{"24 Nov 2026 10:00:00 +0000 (a) b", -1},
	{"24 Nov 2026 10:00:00 +0000 (a", -1},
	{"31 Jun 2026 10:00:00 +0000", -1},
	{"Tue 24 Nov 2026 10:00:00 +0000", -1},
	{"Nov 24 2026 10:00:00 +0000", -1},
	{"", -1},
};

static void check(const struct date_case *c, int (*read)(struct span s, struct wall *out))
{
	struct wall t = {-7};
	int err = read(span_str(c->in), &t);

	if (err != (c->ms < 0 ? -EINVAL : 0) || t.ms != (c->ms < 0 ? -7 : c->ms))
		fail_msg("\"%s\": %d, %lld", c->in, err, (long long)t.ms);
}

static void test_rfc3339(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(rfc3339); i++)
		check(&rfc3339[i], date_rfc3339);
}

static void test_rfc5322(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(rfc5322); i++)
		check(&rfc5322[i], date_rfc5322);
}

static void test_written_is_read(void **state UNUSED)
{
	/* a prime number of seconds that is about 17 days, up to the end of 2099 */
	for (int64_t s = 0; s < INT64_C(4102444800); s += 1468501) {
		struct wall t = {s * 1000}, again = {-1};
		char text[WALL_TEXT_SIZE];

		wall_iso(t, text);
		assert_int_equal(date_rfc3339(span_str(text), &again), 0);
		assert_true(again.ms == t.ms);
		wall_rfc5322(t, text);
		assert_int_equal(date_rfc5322(span_str(text), &again), 0);
		assert_true(again.ms == t.ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc3339),
		cmocka_unit_test(test_rfc5322),
		cmocka_unit_test(test_written_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
