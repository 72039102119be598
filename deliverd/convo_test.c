/*
 * convo_test.c - what is written down of a conversation.
 */
#include "deliverd/convo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void check(struct convo *c, const char *want)
{
	struct span got = convo_text(c);

	if (!span_eq_str(got, want))
		fail_msg("got:\n%.*s", SPAN_FMT(got));
	convo_done(c);
}

static void test_lines_of_both_sides(void **state UNUSED)
{
	struct convo c;

	convo_init(&c, (struct mono){1000});
	convo_note(&c, "connected", (struct mono){1001});
	convo_add(&c, '<', SPAN_LIT("220 m"), (struct mono){1005});
	convo_add(&c, '<', SPAN_LIT("x\r"), (struct mono){1900});
	convo_add(&c, '<', SPAN_LIT("\n"), (struct mono){1901});
	convo_add(&c, '>', SPAN_LIT("EHLO me\r\nMAIL FROM:<>\r\n"), (struct mono){2000});
	convo_add(&c, '<', SPAN_LIT("250-a\r\n250 b\xff\x1b\r\n\r\nrest"), (struct mono){2001});
	check(&c, "1 = connected\n5 < 220 mx\n1000 > EHLO me\n1000 > MAIL FROM:<>\n"
		  "1001 < 250-a\n1001 < 250 b\\xff\\x1b\n1001 < \n1001 < rest\n");
}

static void test_a_line_that_the_other_side_interrupts(void **state UNUSED)
{
	struct convo c;

	convo_init(&c, (struct mono){0});
	convo_add(&c, '<', SPAN_LIT("250 he"), (struct mono){1});
	convo_add(&c, '>', SPAN_LIT("QUIT\r\n"), (struct mono){2});
	convo_note(&c, "closed", (struct mono){3});
	check(&c, "1 < 250 he\n2 > QUIT\n3 = closed\n");
}

static void test_it_is_bounded(void **state UNUSED)
{
	struct convo c;
	struct span text;

	convo_init(&c, (struct mono){0});
	for (int i = 0; i < 5000; i++)
		convo_add(&c, '<', SPAN_LIT("\x01 nobody reads this to its end "),
			  (struct mono){1});
	for (int i = 0; i < 5000; i++)
		convo_add(&c, '<', SPAN_LIT("250-and so on\r\n"), (struct mono){2});
	text = convo_text(&c);
	assert_true(text.n <= CONVO_MAX);
	assert_non_null(memmem(text.p, text.n, "...\n2 < 250-and so on\n", 22));
	assert_non_null(memmem(text.p, text.n, " more lines are left out\n", 25));
	convo_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_of_both_sides),
		cmocka_unit_test(test_a_line_that_the_other_side_interrupts),
		cmocka_unit_test(test_it_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
