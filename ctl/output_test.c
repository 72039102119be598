/*
 * output_test.c - what reaches the terminal, numbers for people, and the timeline.
 */
#include "ctl/output.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "ctl/timeline.h"

static void check(struct buf *b, const char *want)
{
	buf_byte(b, '\0');
	assert_true(buf_ok(b));
	assert_string_equal((const char *)b->p, want);
	buf_done(b);
}

static void no_control_character_reaches_the_terminal(void **state)
{
	static const struct {
		const char *in, *out;
	} t[] = {
		{"plain", "plain"},
		{"\x1b[31mred", "\\x1b[31mred"},
		{"a\nb\x7f", "a\\x0ab\\x7f"},
		{"\xc2\x9b"
		 "31m",
		 "\xef\xbf\xbd"
		 "31m"},
		{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
		{"\xff", "\xef\xbf\xbd"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct buf b;

		buf_init(&b, 1000);
		out_text(&b, span_str(t[i].in));
		check(&b, t[i].out);
	}
}

static void durations_and_sizes_are_short(void **state)
{
	static const struct {
		int64_t ms;
		const char *out;
	} d[] = {{0, "0 ms"},	       {999, "999 ms"},	       {1000, "1.00 s"},
		 {9999, "9.99 s"},     {10000, "10.0 s"},      {59999, "59.9 s"},
		 {60000, "1 min 0 s"}, {3600000, "1 h 0 min"}, {90061000, "1 d 1 h"},
		 {-5, "-5 ms"}};
	static const struct {
		uint64_t n;
		const char *out;
	} s[] = {{0, "0 B"},
		 {1023, "1023 B"},
		 {1024, "1.0 KiB"},
		 {1536, "1.5 KiB"},
		 {UINT64_C(5) << 30, "5.0 GiB"}};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(d); i++) {
		buf_init(&b, 100);
		out_duration(&b, d[i].ms);
		check(&b, d[i].out);
	}
	for (size_t i = 0; i < ARRAY_LEN(s); i++) {
		buf_init(&b, 100);
		out_size(&b, s[i].n);
		check(&b, s[i].out);
	}
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
	static const char *const heads[] = {"A", "B", "C"};
	struct table t;
	struct buf b;

	(void)state;
	table_init(&t, 3, heads);
	table_str(&t, "gr\xc3\xbc\xc3\x9f");
	table_str(&t, "");
	table_fmt(&t, "%d", 5);
	table_str(&t, "long one");
	table_str(&t, "x");
	table_str(&t, "");
	buf_init(&b, 1000);
	table_text(&t, &b);
	check(&b, "A         B  C\ngr\xc3\xbc\xc3\x9f         5\nlong one  x\n");
	buf_done(&t.cells);
}

static void times_are_read_exactly(void **state)
{
	int64_t ms = 1;

	(void)state;
	assert_int_equal(timeline_time(SPAN_LIT("2026-11-23T18:44:32.123Z"), &ms), 0);
	assert_int_equal(ms, INT64_C(1795459472123));
	assert_int_equal(timeline_time(SPAN_LIT("2026-11-23T18:44:32Z"), &ms), -EINVAL);
	assert_int_equal(timeline_time(SPAN_LIT("2026-11-23 18:44:32.123Z"), &ms), -EINVAL);
}

static const char events[] =
	"[{\"seq\":1,\"at\":\"2026-11-23T18:44:32.123Z\",\"event\":\"accepted\",\"message\":\"01\","
	"\"from\":\"\",\"size\":2048,\"copies\":2,\"server\":1,\"client\":\"192.0.2.1\","
	"\"helo\":\"a\\u001bb\",\"tls\":\"TLSv1.3 X\"},"
	"{\"seq\":2,\"at\":\"2026-11-23T18:44:32.553Z\",\"event\":\"deferred\",\"message\":\"01\","
	"\"copy\":4,\"rcpt\":\"b@c.example\",\"attempt\":1,\"code\":0,\"status\":\"4.4.1\","
	"\"text\":\"connection refused\",\"stage\":\"connect\",\"host\":\"mx.c.example\","
	"\"ip\":\"192.0.2.9\",\"port\":25,\"tls\":\"\",\"signed_by\":\"\",\"queue_ms\":12,"
	"\"dns_ms\":1,\"connect_ms\":3,\"tls_ms\":0,\"sign_ms\":0,\"mail_ms\":0,\"data_ms\":0,"
	"\"bytes\":0,\"uncertain\":false,\"next_at\":1795459532123},"
	"{\"seq\":3,\"at\":\"2026-11-23T18:45:33.553Z\",\"event\":\"delivered\",\"message\":\"01\","
	"\"copy\":4,\"rcpt\":\"b@c.example\",\"attempt\":2,\"code\":250,\"status\":\"2.0.0\","
	"\"text\":\"ok\",\"stage\":\"dot\",\"host\":\"mx.c.example\",\"ip\":\"192.0.2.9\","
	"\"port\":25,\"tls\":\"TLSv1.3 Y\",\"signed_by\":\"b.example\",\"queue_ms\":2,"
	"\"dns_ms\":1,\"connect_ms\":3,\"tls_ms\":9,\"sign_ms\":2,\"mail_ms\":4,\"data_ms\":1500,"
	"\"bytes\":2100},"
	"{\"seq\":4,\"at\":\"2026-11-24T18:45:34.553Z\",\"event\":\"expired\",\"message\":\"01\","
	"\"copy\":8,\"rcpt\":\"d@c.example\",\"attempts\":3,\"last\":\"no\"}]";

static void a_timeline_tells_the_steps_and_their_durations(void **state)
{
	json_t *j = json_loads(events, 0, NULL);
	struct buf b;

	(void)state;
	assert_non_null(j);
	buf_init(&b, 100000);
	timeline_text(j, 0, &b);
	json_decref(j);
	check(&b, "2026-11-23\n"
		  "18:44:32.123                accepted   from <>, 2.0 KiB, 2 copies\n"
		  "                                       client 192.0.2.1 a\\x1bb, TLSv1.3 X\n"
		  "18:44:32.553  +430 ms       deferred   copy 4 to b@c.example\n"
		  "                                       attempt 1: 4.4.1 connection refused (at "
		  "connect)\n"
		  "                                       by mx.c.example [192.0.2.9] port 25\n"
		  "                                       queued 12 ms, dns 1 ms, connect 3 ms, "
		  "tls 0 ms, "
		  "sign 0 ms, mail 0 ms, data 0 ms, sent 0 bytes\n"
		  "                                       again at 2026-11-23T18:45:32.123Z\n"
		  "18:45:33.553  +1 min 1 s    delivered  copy 4 to b@c.example\n"
		  "                                       attempt 2: 250 2.0.0 ok\n"
		  "                                       by mx.c.example [192.0.2.9] port 25, "
		  "TLSv1.3 Y, "
		  "DKIM b.example\n"
		  "                                       queued 2 ms, dns 1 ms, connect 3 ms, tls "
		  "9 ms, "
		  "sign 2 ms, mail 4 ms, data 1.50 s, sent 2100 bytes\n"
		  "2026-11-24\n"
		  "18:45:34.553  +1 d 0 h      expired    copy 8 to d@c.example\n"
		  "                                       given up, attempts made: 3; the last "
		  "one: no\n");
}

static void a_timeline_that_goes_on_counts_from_what_was_shown(void **state)
{
	json_t *j = json_loads(events, 0, NULL);
	struct buf b;

	(void)state;
	buf_init(&b, 100000);
	timeline_text(j, 3, &b);
	check(&b, "2026-11-24\n"
		  "18:45:34.553  +1 d 0 h      expired    copy 8 to d@c.example\n"
		  "                                       given up, attempts made: 3; the last "
		  "one: no\n");
	buf_init(&b, 100000);
	timeline_text(j, 4, &b);
	check(&b, "");
	json_decref(j);
}

static const struct {
	const char *event, *text;
} worded[] = {
	{"{\"event\":\"held\",\"reason\":\"operator\",\"detail\":\"why\",\"until\":1795459532123}",
	 "operator: why, until 2026-11-23T18:45:32.123Z"},
	{"{\"event\":\"released\",\"reason\":\"operator\"}", "by operator"},
	{"{\"event\":\"suppressed\",\"reason\":\"hard\",\"since\":1795459532123,\"until\":0}",
	 "is on the suppression list: hard, since 2026-11-23T18:45:32.123Z"},
	{"{\"event\":\"delayed\",\"attempts\":2,\"last\":\"no\",\"until\":1795459532123}",
	 "not delivered yet, attempts made: 2; the last one: no; is tried until "
	 "2026-11-23T18:45:32.123Z"},
	{"{\"event\":\"warning\",\"what\":\"long-lines\",\"detail\":\"x\"}", "long-lines: x"},
	{"{\"event\":\"retried\",\"reason\":\"\"}", ""},
	{"{\"event\":\"of-later\",\"a\":\"x\",\"b\":\"\",\"n\":7}", "a x, n 7"},
};

static void each_event_has_its_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(worded); i++) {
		json_t *list = json_array(), *e = json_loads(worded[i].event, 0, NULL);
		const char *name = json_string_value(json_object_get(e, "event"));
		char head[64], want[256];
		struct buf b;

		json_object_set_new(e, "at", json_string("2026-11-23T18:44:32.123Z"));
		json_array_append_new(list, e);
		snprintf(head, sizeof(head), "2026-11-23\n18:44:32.123                %-11s", name);
		snprintf(want, sizeof(want), "%s%s\n", head, worded[i].text);
		buf_init(&b, 100000);
		timeline_text(list, 0, &b);
		json_decref(list);
		check(&b, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_control_character_reaches_the_terminal),
		cmocka_unit_test(durations_and_sizes_are_short),
		cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
		cmocka_unit_test(times_are_read_exactly),
		cmocka_unit_test(a_timeline_tells_the_steps_and_their_durations),
		cmocka_unit_test(a_timeline_that_goes_on_counts_from_what_was_shown),
		cmocka_unit_test(each_event_has_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
