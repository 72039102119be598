/*
 * suggest_test.c - distances, and which words are near enough.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/conf/suggest.h"

#define TEN "aaaaaaaaaa"
#define SIXTY TEN TEN TEN TEN TEN TEN

static const struct distance_case {
	const char *name, *a, *b;
	size_t want;
} distance_cases[] = {
	{"equal words", "port", "port", 0},
	{"case does not count", "Port", "pORT", 0},
	{"nothing and nothing", "", "", 0},
	{"nothing and a word", "", "port", 4},
	{"a word and nothing", "port", "", 4},
	{"a letter changed", "port", "part", 1},
	{"a letter too many", "ports", "port", 1},
	{"a letter missing", "prt", "port", 1},
	{"two neighbours swapped", "prot", "port", 1},
	{"a swap at the end", "inof", "info", 1},
	{"two swaps", "opfi", "poif", 2},
	{"letters that are swapped are not changed again", "ca", "abc", 3},
	{"the classic", "kitten", "sitting", 3},
	{"words as long as they may be", SIXTY "1234", SIXTY "1243", 1},
	{"one longer", SIXTY "12345", SIXTY "1234", SIZE_MAX},
	{"the other longer", SIXTY "1234", SIXTY "12345", SIZE_MAX},
};

static void a_distance_counts_the_typing_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(distance_cases); i++) {
		const struct distance_case *c = &distance_cases[i];

		if (suggest_distance(span_str(c->a), span_str(c->b)) != c->want)
			fail_msg("%s: %zu", c->name,
				 suggest_distance(span_str(c->a), span_str(c->b)));
	}
}

static const struct near_case {
	const char *name, *word, *want;
} near_cases[] = {
	{"a slip", "statsu", "status"},
	{"the word itself", "status", "status"},
	{"of two equally near the first", "stap", "stop"},
	{"the nearer of two", "staat", "start"},
	{"a third of the letters wrong", "stxtxs", "status"},
	{"more than a third", "sxtxxs", ""},
	{"two letters are too few to guess from", "st", ""},
	{"nothing", "", ""},
	{"another word", "configure", ""},
	{"three errors in a long word", "quuee.domian_in_flght", "queue.domain_in_flight"},
	{"four", "quuee.domian_in_flgth", ""},
};

static void the_nearest_word_is_suggested_when_it_is_near(void **state)
{
	static const char *const words[] = {"stop", "step", "start", "status",
					    "queue.domain_in_flight"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(near_cases); i++) {
		const struct near_case *c = &near_cases[i];
		struct suggest s;

		suggest_init(&s, span_str(c->word));
		suggest_try(&s, span_str(""));
		for (size_t j = 0; j < ARRAY_LEN(words); j++)
			suggest_try(&s, span_str(words[j]));
		if (!span_eq_str(s.best, c->want))
			fail_msg("%s: %.*s", c->name, SPAN_FMT(s.best));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_distance_counts_the_typing_errors),
		cmocka_unit_test(the_nearest_word_is_suggested_when_it_is_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
