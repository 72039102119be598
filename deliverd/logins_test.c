/*
 * logins_test.c - lines of deliver.logins.
 */
#include "deliverd/logins.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

static const char text[] = "# relays\n"
			   "\n"
			   "relay.example:587 user pass word \t\r\n"
			   "  RELAY.example:25\tother\t#1 \n"
			   "127.0.0.1:2525 four 4\n"
			   "[2001:db8::1]:25 six 6\n"
			   "relay.example:587 second never\n"
			   "last.example:25 end end";

static const struct {
	const char *host;
	uint16_t port;
	int err;
	const char *user, *password;
} found[] = {
	{"relay.example", 587, 0, "user", "pass word"},
	{"relay.example", 25, 0, "other", "#1"},
	{"127.0.0.1", 2525, 0, "four", "4"},
	{"2001:db8::1", 25, 0, "six", "6"},
	{"last.example", 25, 0, "end", "end"},
	{"last.example", 26, -ENOENT, "", ""},
	{"elsewhere.example", 587, -ENOENT, "", ""},
};

static void test_the_first_line_of_a_relay_counts(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(found); i++) {
		struct login login = {.user = ""};
		unsigned line;
		int err = logins_find(span_str(text), found[i].host, found[i].port, &login, &line);

		if (err != found[i].err || strcmp(login.user, found[i].user) != 0 ||
		    strcmp(login.password, found[i].password) != 0)
			fail_msg("%s:%u: %d \"%s\" \"%s\"", found[i].host, found[i].port, err,
				 login.user, login.password);
	}
}

static const char *const bad[] = {
	"a.example:25\n",
	"a.example:25 user\n",
	"a.example:25 user  \n",
};

static void test_a_line_that_makes_no_sense_is_named(void **state UNUSED)
{
	char long_line[2 * CLIENT_LOGIN_MAX];
	struct login login = {.user = ""};
	unsigned line;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char all[128];

		snprintf(all, sizeof(all), "#\n%sb.example:25 u p\n", bad[i]);
		assert_int_equal(logins_find(span_str(all), "b.example", 25, &login, &line),
				 -EINVAL);
		assert_int_equal(line, 2);
	}
	snprintf(long_line, sizeof(long_line), "b.example:25 u %0*d", CLIENT_LOGIN_MAX + 1, 0);
	assert_int_equal(logins_find(span_str(long_line), "b.example", 25, &login, &line), -EINVAL);
	assert_string_equal(login.user, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_line_of_a_relay_counts),
		cmocka_unit_test(test_a_line_that_makes_no_sense_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
