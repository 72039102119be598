/*
 * args_test.c - how options and arguments are told apart.
 */
#include "ctl/ctl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { ARGS = 6 };

static const struct ctl_command command = {.words = "thing do", .synopsis = "A [B]"};

struct result {
	int code;
	bool flag;
	const char *value, *maybe, *args[2];
	struct ctl_list list;
};

static struct result parse(const char *const *words)
{
	const struct ctl_options o = {.words = 2, .command = &command};
	struct result r = {0};
	const struct ctl_opt opts[] = {{"--flag", CTL_FLAG, &r.flag},
				       {"--value", CTL_VALUE, &r.value},
				       {"--wait", CTL_MAYBE, &r.maybe},
				       {"--list", CTL_LIST, &r.list}};
	char text[ARGS][32], *argv[ARGS + 3];
	static char noun[] = "thing", verb[] = "do";
	int argc = 0;

	argv[argc++] = noun;
	argv[argc++] = verb;
	for (size_t i = 0; i < ARGS && words[i]; i++) {
		snprintf(text[i], sizeof(text[i]), "%s", words[i]);
		argv[argc++] = text[i];
	}
	argv[argc] = NULL;
	r.code = ctl_args(argc, argv, &o, opts, ARRAY_LEN(opts), r.args, 1, 2);
	/* what was found points into text: only whether it is there is looked at from here */
	r.value = r.value ? (strcmp(r.value, "v") == 0 ? "v" : "other") : NULL;
	r.maybe = r.maybe ? (r.maybe[0] ? "given" : "") : NULL;
	for (size_t i = 0; i < 2; i++)
		r.args[i] = r.args[i] ? (r.args[i][0] == '-' ? "-" : "arg") : NULL;
	return r;
}

static void options_and_arguments_are_told_apart(void **state)
{
	static const struct {
		const char *words[ARGS];
		struct result want;
	} t[] = {
		{{"a"}, {.args = {"arg"}}},
		{{"a", "b"}, {.args = {"arg", "arg"}}},
		{{"--flag", "a"}, {.flag = true, .args = {"arg"}}},
		{{"a", "--flag", "b"}, {.flag = true, .args = {"arg", "arg"}}},
		{{"a", "--value", "v"}, {.value = "v", .args = {"arg"}}},
		{{"a", "--value=v"}, {.value = "v", .args = {"arg"}}},
		{{"a", "--value", "--flag"}, {.value = "other", .args = {"arg"}}},
		{{"a", "--value="}, {.value = "other", .args = {"arg"}}},
		{{"a", "--wait"}, {.maybe = "", .args = {"arg"}}},
		{{"--wait", "a"}, {.maybe = "", .args = {"arg"}}},
		{{"--wait=5", "a"}, {.maybe = "given", .args = {"arg"}}},
		{{"--list", "x", "a", "--list=y"}, {.list.n = 2, .args = {"arg"}}},
		{{"--", "--flag"}, {.args = {"-"}}},
		{{"-", "a"}, {.args = {"-", "arg"}}},
		{{NULL}, {.code = EX_USAGE}},
		{{"a", "b", "c"}, {.code = EX_USAGE}},
		{{"a", "--flg"}, {.code = EX_USAGE}},
		{{"a", "--flag=1"}, {.code = EX_USAGE}},
		{{"a", "--value"}, {.code = EX_USAGE}},
		{{"a", "-f"}, {.code = EX_USAGE}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct result got = parse(t[i].words);

		assert_int_equal(got.code, t[i].want.code);
		if (got.code)
			continue;
		assert_int_equal(got.flag, t[i].want.flag);
		assert_int_equal(got.list.n, t[i].want.list.n);
		assert_string_equal(got.value ? got.value : "none",
				    t[i].want.value ? t[i].want.value : "none");
		assert_string_equal(got.maybe ? got.maybe : "none",
				    t[i].want.maybe ? t[i].want.maybe : "none");
		for (size_t k = 0; k < 2; k++)
			assert_string_equal(got.args[k] ? got.args[k] : "none",
					    t[i].want.args[k] ? t[i].want.args[k] : "none");
	}
}

static void numbers_are_digits_within_the_limit(void **state)
{
	uint64_t n = 7;

	(void)state;
	assert_int_equal(ctl_number("--limit", "10", 10, &n), 0);
	assert_int_equal(n, 10);
	assert_int_equal(ctl_number("--limit", "11", 10, &n), EX_USAGE);
	assert_int_equal(ctl_number("--limit", "-1", 10, &n), EX_USAGE);
	assert_int_equal(ctl_number("--limit", "", 10, &n), EX_USAGE);
	assert_int_equal(n, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_arguments_are_told_apart),
		cmocka_unit_test(numbers_are_digits_within_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
