#include "smtpd/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MINUTE INT64_C(60000)

static const struct pace_limits usual = {
	.command_ms = 5 * MINUTE, .session_ms = 240 * MINUTE, .rate = 500};
static const struct pace_limits crowded = {
	.command_ms = 5 * MINUTE, .session_ms = 240 * MINUTE, .rate = 500, .crowded = true};
static const struct pace_limits brisk = {.command_ms = 2000, .session_ms = 4000, .rate = 500};
static const struct pace_limits any_rate = {.command_ms = 2000, .session_ms = 4000};

/* The session began at 0; the turn at `turn`; the last of `bytes` of content came at `heard`. */
static const struct {
	const char *name;
	const struct pace_limits *limits;
	bool content;
	int64_t turn, heard;
	size_t bytes;
	int64_t now;
	enum pace_verdict want;
} cases[] = {
	{"a command has its time", &usual, false, 0, 0, 0, 5 * MINUTE, PACE_GOOD},
	{"and no more", &usual, false, 0, 0, 0, 5 * MINUTE + 1, PACE_IDLE},
	{"its time begins with its turn", &usual, false, MINUTE, 0, 0, 6 * MINUTE, PACE_GOOD},
	{"ten seconds when it is crowded", &crowded, false, 0, 0, 0, 10000, PACE_GOOD},
	{"and no more", &crowded, false, 0, 0, 0, 10001, PACE_IDLE},
	{"crowded gives nobody more time", &brisk, false, 0, 0, 0, 2001, PACE_IDLE},
	{"a session has its time", &usual, false, 239 * MINUTE, 0, 0, 240 * MINUTE, PACE_GOOD},
	{"and no more", &usual, false, 239 * MINUTE, 0, 0, 240 * MINUTE + 1, PACE_LONG},
	{"but a message is not cut off", &usual, true, 239 * MINUTE, 241 * MINUTE, 60000,
	 241 * MINUTE, PACE_GOOD},
	{"content may be silent for as long as a command", &usual, true, 0, MINUTE, 1000000,
	 6 * MINUTE, PACE_GOOD},
	{"and no longer", &usual, true, 0, MINUTE, 1000000, 6 * MINUTE + 1, PACE_IDLE},
	{"also when it is crowded", &crowded, true, 0, MINUTE, 1000000, 6 * MINUTE, PACE_GOOD},
	{"in its first minute no rate is asked for", &usual, true, 0, MINUTE, 1, MINUTE, PACE_GOOD},
	{"then the average counts", &usual, true, 0, MINUTE, 29999, MINUTE + 1, PACE_SLOW},
	{"and this is enough", &usual, true, 0, MINUTE, 30000, MINUTE + 1, PACE_GOOD},
	{"much at first may last for long", &usual, true, 0, 9 * MINUTE, 300000, 10 * MINUTE,
	 PACE_GOOD},
	{"but not for ever", &usual, true, 0, 9 * MINUTE, 300000, 10 * MINUTE + 1000, PACE_SLOW},
	{"a short time for commands makes the first minute short", &brisk, true, 0, 2000, 999, 2001,
	 PACE_SLOW},
	{"without a rate any will do", &any_rate, true, 0, 9000, 9, 9001, PACE_GOOD},
};

static void each_turn_has_its_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pace p;

		print_message("%s\n", cases[i].name);
		pace_init(&p, (struct mono){0});
		pace_turn(&p, cases[i].content, (struct mono){cases[i].turn});
		if (cases[i].content)
			pace_heard(&p, cases[i].bytes, (struct mono){cases[i].heard});
		assert_int_equal(pace_check(&p, cases[i].limits, (struct mono){cases[i].now}),
				 cases[i].want);
	}
}

static void a_message_does_not_live_on_the_bytes_of_the_one_before(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, (struct mono){0});
	pace_turn(&p, true, (struct mono){0});
	pace_heard(&p, 1000000, (struct mono){10});
	pace_turn(&p, false, (struct mono){20});
	pace_turn(&p, true, (struct mono){30});
	pace_heard(&p, 10, (struct mono){2 * MINUTE});
	assert_int_equal(pace_check(&p, &usual, (struct mono){2 * MINUTE}), PACE_SLOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_turn_has_its_time),
		cmocka_unit_test(a_message_does_not_live_on_the_bytes_of_the_one_before),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
