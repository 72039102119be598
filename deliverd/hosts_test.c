/*
 * hosts_test.c - what a worker remembers of servers, with a clock of the test's.
 */
#include "deliverd/hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>

enum { HOUR = 3600000 };

static void test_broken_tls_is_remembered_for_an_hour(void **state UNUSED)
{
	hosts_tls_failed("192.0.2.1", 25, (struct mono){1000});
	assert_true(hosts_tls_is_broken("192.0.2.1", 25, (struct mono){1000 + HOUR - 1}));
	assert_false(hosts_tls_is_broken("192.0.2.1", 26, (struct mono){1000}));
	assert_false(hosts_tls_is_broken("192.0.2.2", 25, (struct mono){1000}));
	assert_false(hosts_tls_is_broken("192.0.2.1", 25, (struct mono){1000 + HOUR}));
	hosts_tls_failed("192.0.2.1", 25, (struct mono){1000 + HOUR});
	assert_true(hosts_tls_is_broken("192.0.2.1", 25, (struct mono){1000 + HOUR}));
}

static void test_the_oldest_is_forgotten_first(void **state UNUSED)
{
	char ip[32];

	for (int i = 0; i < 256; i++) {
		snprintf(ip, sizeof(ip), "198.51.100.%d", i);
		hosts_tls_failed(ip, 25, (struct mono){1000});
	}
	assert_true(hosts_tls_is_broken("198.51.100.0", 25, (struct mono){1000}));
	assert_true(hosts_tls_is_broken("198.51.100.255", 25, (struct mono){1000}));
	hosts_tls_failed("203.0.113.1", 25, (struct mono){1000});
	assert_false(hosts_tls_is_broken("198.51.100.0", 25, (struct mono){1000}));
}

static void fail_times(int family, int n, bool same)
{
	char ip[32];

	for (int i = 0; i < n; i++) {
		snprintf(ip, sizeof(ip), "2001:db8::%d", same ? 1 : i + 1);
		hosts_family_failed(family, ip, (struct mono){1000});
	}
}

static void test_a_family_is_broken_when_several_addresses_fail(void **state UNUSED)
{
	fail_times(AF_INET6, 100, true); /* that is one server */
	assert_false(hosts_family_is_broken(AF_INET6, (struct mono){1000}));
	hosts_family_works(AF_INET6);
	fail_times(AF_INET6, 4, false);
	hosts_family_works(AF_INET6);
	fail_times(AF_INET6, 4, false);
	assert_false(hosts_family_is_broken(AF_INET6, (struct mono){1000}));
	hosts_family_failed(AF_INET6, "2001:db8::ff", (struct mono){1000});
	assert_true(hosts_family_is_broken(AF_INET6, (struct mono){1000 + 600000 - 1}));
	assert_false(hosts_family_is_broken(AF_INET6, (struct mono){1000 + 600000}));
	assert_false(hosts_family_is_broken(AF_INET, (struct mono){1000}));
	hosts_family_works(AF_INET6);
	assert_false(hosts_family_is_broken(AF_INET6, (struct mono){1000}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_broken_tls_is_remembered_for_an_hour),
		cmocka_unit_test(test_the_oldest_is_forgotten_first),
		cmocka_unit_test(test_a_family_is_broken_when_several_addresses_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
