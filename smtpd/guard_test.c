/*
 * guard_test.c - the limits as one process sees them, as two do, and after kills at any moment.
 */
#include "smtpd/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILLS = 150, ALARM_S = 60, HELD = 30 };

static struct conf conf;

static int setup(void **state)
{
	(void)state;
	conf = (struct conf){.smtpd_sessions = 10,
			     .smtpd_mx_sessions = 6,
			     .smtpd_address_sessions = 4,
			     .smtpd_mx_address_sessions = 2,
			     .smtpd_auth_address_failures = 5,
			     .smtpd_auth_user_failures = 3,
			     .smtpd_auth_refill_ms = 1000};
	guard_init();
	guard_configure(&conf);
	guard_worker(0);
	alarm(ALARM_S); /* a lock that nobody mends would hold us for ever */
	return 0;
}

static const struct sockaddr *ip(const char *text)
{
	static struct sockaddr_storage ss;
	struct sockaddr_in *v4 = (void *)&ss;
	struct sockaddr_in6 *v6 = (void *)&ss;

	memset(&ss, 0, sizeof(ss));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		ss.ss_family = AF_INET;
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
		ss.ss_family = AF_INET6;
	}
	return (const struct sockaddr *)&ss;
}

static enum guard_verdict enter(bool mx, const char *from)
{
	uint32_t place;

	return guard_enter(mx, ip(from), &place);
}

static void an_address_has_its_limit_at_each_kind_of_door(void **state)
{
	uint32_t place;

	(void)state;
	assert_int_equal(enter(true, "192.0.2.1"), GUARD_OK);
	assert_int_equal(guard_enter(true, ip("192.0.2.1"), &place), GUARD_OK);
	assert_int_equal(enter(true, "192.0.2.1"), GUARD_ADDRESS_FULL);
	assert_int_equal(enter(true, "192.0.2.2"), GUARD_OK);
	for (int i = 0; i < 4; i++)
		assert_int_equal(enter(false, "192.0.2.1"), GUARD_OK);
	assert_int_equal(enter(false, "192.0.2.1"), GUARD_ADDRESS_FULL);
	guard_leave(place);
	assert_int_equal(enter(true, "192.0.2.1"), GUARD_OK);
	assert_int_equal(enter(true, "192.0.2.1"), GUARD_ADDRESS_FULL);
}

static void one_v6_network_is_one_address_and_mapped_v4_is_v4(void **state)
{
	(void)state;
	assert_int_equal(enter(true, "2001:db8:0:1::1"), GUARD_OK);
	assert_int_equal(enter(true, "2001:db8:0:1:ffff::2"), GUARD_OK);
	assert_int_equal(enter(true, "2001:db8:0:1::3"), GUARD_ADDRESS_FULL);
	assert_int_equal(enter(true, "2001:db8:0:2::1"), GUARD_OK);
	assert_int_equal(enter(true, "::ffff:192.0.2.1"), GUARD_OK);
	assert_int_equal(enter(true, "192.0.2.1"), GUARD_OK);
	assert_int_equal(enter(true, "::ffff:192.0.2.1"), GUARD_ADDRESS_FULL);
}

static void mx_leaves_room_for_submission(void **state)
{
	char from[32];

	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_false(guard_crowded(true));
		snprintf(from, sizeof(from), "192.0.2.%d", i);
		assert_int_equal(enter(true, from), GUARD_OK);
	}
	assert_true(guard_crowded(true));
	assert_int_equal(enter(true, "192.0.2.99"), GUARD_OK);
	assert_int_equal(enter(true, "192.0.2.100"), GUARD_FULL);
	assert_false(guard_crowded(false));
	for (int i = 0; i < 4; i++)
		assert_int_equal(enter(false, "198.51.100.1"), GUARD_OK);
	assert_true(guard_crowded(false));
	assert_int_equal(enter(false, "198.51.100.2"), GUARD_FULL);
}

static void trusted_networks_count_in_the_totals_only(void **state)
{
	(void)state;
	conf.smtpd_trusted_networks.n = 1;
	conf.smtpd_trusted_networks.at[0] =
		(struct conf_net){.family = AF_INET, .addr = {127}, .bits = 8};
	guard_configure(&conf);
	for (int i = 0; i < 6; i++)
		assert_int_equal(enter(true, "127.0.0.1"), GUARD_OK);
	assert_int_equal(enter(true, "127.0.0.1"), GUARD_FULL);
	for (int i = 0; i < 20; i++)
		guard_auth_failed(ip("127.0.0.1"), SPAN_LIT("u"), (struct mono){0});
	assert_true(guard_auth_may_try(ip("127.0.0.1"), SPAN_LIT("u"), (struct mono){0}));
}

static void a_limit_that_was_lowered_is_in_force_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(enter(false, "192.0.2.1"), GUARD_OK);
	conf.smtpd_sessions = 2;
	guard_configure(&conf);
	assert_int_equal(enter(false, "192.0.2.2"), GUARD_FULL);
}

/* logins */

static bool may(const char *from, const char *user, int64_t ms)
{
	return guard_auth_may_try(ip(from), span_str(user), (struct mono){ms});
}

static void fail_at(const char *from, const char *user, int64_t ms, int times)
{
	while (times-- > 0)
		guard_auth_failed(ip(from), span_str(user), (struct mono){ms});
}

static void a_user_is_locked_for_one_address_only(void **state)
{
	(void)state;
	fail_at("192.0.2.1", "org/server", 0, 3);
	assert_false(may("192.0.2.1", "org/server", 0));
	assert_false(may("192.0.2.1", "ORG/Server", 0));
	assert_true(may("192.0.2.1", "org/other", 0));
	assert_true(may("192.0.2.2", "org/server", 0));
	assert_true(may("192.0.2.1", "org/server", 1000));
	fail_at("192.0.2.1", "org/server", 1000, 1);
	assert_false(may("192.0.2.1", "org/server", 1999));
}

static void an_address_is_locked_whatever_users_it_tries(void **state)
{
	char user[16];

	(void)state;
	for (int i = 0; i < 5; i++) {
		snprintf(user, sizeof(user), "u%d", i);
		assert_true(may("192.0.2.1", user, 0));
		fail_at("192.0.2.1", user, 0, 1);
	}
	assert_false(may("192.0.2.1", "another", 999));
	assert_true(may("192.0.2.1", "another", 1000));
	assert_true(may("192.0.2.2", "u1", 0));
}

static void success_forgives_the_user_and_not_the_address(void **state)
{
	(void)state;
	fail_at("192.0.2.1", "u", 0, 3);
	guard_auth_succeeded(ip("192.0.2.1"), SPAN_LIT("u"));
	assert_true(may("192.0.2.1", "u", 0));
	fail_at("192.0.2.1", "u", 0, 2);
	assert_false(may("192.0.2.1", "someone", 0));
}

/* processes */

static pid_t start(unsigned worker, void (*work)(void))
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		guard_worker(worker);
		work();
		_exit(0);
	}
	return pid;
}

static void take_all_of_one_address(void)
{
	while (enter(false, "192.0.2.1") == GUARD_OK)
		;
	fail_at("192.0.2.1", "u", 0, 3);
}

static void what_another_process_holds_counts_until_it_died(void **state)
{
	pid_t pid = start(1, take_all_of_one_address);

	(void)state;
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(enter(false, "192.0.2.1"), GUARD_ADDRESS_FULL);
	assert_false(may("192.0.2.1", "u", 0));
	guard_worker_died(2);
	assert_int_equal(enter(false, "192.0.2.1"), GUARD_ADDRESS_FULL);
	guard_worker_died(1);
	assert_int_equal(enter(false, "192.0.2.1"), GUARD_OK);
	assert_false(may("192.0.2.1", "u", 0));
}

/* Comes and goes without end, most of the time inside the lock. */
static void come_and_go(void)
{
	uint32_t places[HELD] = {0};

	for (unsigned i = 0;; i++) {
		uint32_t *p = &places[i * 7 % HELD];

		if (*p)
			guard_leave(*p);
		*p = 0;
		if (i % 3)
			(void)!guard_enter(i % 2, ip("192.0.2.1"), p);
	}
}

static void kills_at_any_moment_leave_nothing_behind(void **state)
{
	(void)state;
	conf.smtpd_sessions = conf.smtpd_address_sessions = 50;
	conf.smtpd_mx_sessions = conf.smtpd_mx_address_sessions = 20;
	guard_configure(&conf);
	assert_int_equal(enter(true, "192.0.2.1"), GUARD_OK);
	for (unsigned i = 0; i < KILLS; i++) {
		pid_t one = start(1, come_and_go), two = start(2, come_and_go);

		usleep(randombytes_uniform(3000));
		kill(one, SIGKILL);
		kill(two, SIGKILL);
		assert_int_equal(waitpid(one, NULL, 0), one);
		guard_worker_died(1);
		assert_int_equal(waitpid(two, NULL, 0), two);
		guard_worker_died(2);
	}
	for (int i = 0; i < 19; i++)
		assert_int_equal(enter(true, "192.0.2.1"), GUARD_OK);
	assert_int_equal(enter(true, "192.0.2.1"), GUARD_FULL);
	for (int i = 0; i < 30; i++)
		assert_int_equal(enter(false, "192.0.2.1"), GUARD_OK);
	assert_int_equal(enter(false, "192.0.2.2"), GUARD_FULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_address_has_its_limit_at_each_kind_of_door, setup),
		cmocka_unit_test_setup(one_v6_network_is_one_address_and_mapped_v4_is_v4, setup),
		cmocka_unit_test_setup(mx_leaves_room_for_submission, setup),
		cmocka_unit_test_setup(trusted_networks_count_in_the_totals_only, setup),
		cmocka_unit_test_setup(a_limit_that_was_lowered_is_in_force_at_once, setup),
		cmocka_unit_test_setup(a_user_is_locked_for_one_address_only, setup),
		cmocka_unit_test_setup(an_address_is_locked_whatever_users_it_tries, setup),
		cmocka_unit_test_setup(success_forgives_the_user_and_not_the_address, setup),
		cmocka_unit_test_setup(what_another_process_holds_counts_until_it_died, setup),
		cmocka_unit_test_setup(kills_at_any_moment_leave_nothing_behind, setup),
	};

	assert_true(sodium_init() >= 0);
	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
