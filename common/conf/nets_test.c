/*
 * nets_test.c - both ends of each special range and its neighbours, and lists of networks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/un.h>

#include "common/buf.h"
#include "common/conf/conf.h"

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage ss = {.ss_family = 0};
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		memcpy(&ss, &in, sizeof(in));
	else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		memcpy(&ss, &in6, sizeof(in6));
	else
		fail_msg("not an address: %s", text);
	return ss;
}

static const struct public_case {
	const char *addr;
	bool want;
} public_cases[] = {
	{"0.0.0.0", false},
	{"0.255.255.255", false},
	{"1.0.0.0", true},
	{"9.255.255.255", true},
	{"10.0.0.0", false},
	{"10.255.255.255", false},
	{"11.0.0.0", true},
	{"100.63.255.255", true},
	{"100.64.0.0", false},
	{"100.127.255.255", false},
	{"100.128.0.0", true},
	{"126.255.255.255", true},
	{"127.0.0.0", false},
	{"127.0.0.1", false},
	{"127.255.255.255", false},
	{"128.0.0.0", true},
	{"169.253.255.255", true},
	{"169.254.0.0", false},
	{"169.254.169.254", false},
	{"169.254.255.255", false},
	{"169.255.0.0", true},
	{"172.15.255.255", true},
	{"172.16.0.0", false},
	{"172.31.255.255", false},
	{"172.32.0.0", true},
	{"191.255.255.255", true},
	{"192.0.0.0", false},
	{"192.0.0.255", false},
	{"192.0.1.0", true},
	{"192.0.1.255", true},
	{"192.0.2.0", false},
	{"192.0.2.255", false},
	{"192.0.3.0", true},
	{"192.88.98.255", true},
	{"192.88.99.0", false},
	{"192.88.99.255", false},
	{"192.88.100.0", true},
	{"192.167.255.255", true},
	{"192.168.0.0", false},
	{"192.168.255.255", false},
	{"192.169.0.0", true},
	{"198.17.255.255", true},
	{"198.18.0.0", false},
	{"198.19.255.255", false},
	{"198.20.0.0", true},
	{"198.51.99.255", true},
	{"198.51.100.0", false},
	{"198.51.100.255", false},
	{"198.51.101.0", true},
	{"203.0.112.255", true},
	{"203.0.113.0", false},
	{"203.0.113.255", false},
	{"203.0.114.0", true},
	{"223.255.255.255", true},
	{"224.0.0.0", false},
	{"239.255.255.255", false},
	{"240.0.0.0", false},
	{"255.255.255.254", false},
	{"255.255.255.255", false},
	{"8.8.8.8", true},

	{"::", false},
	{"::1", false},
	/* compatible */
	{"::127.0.0.1", false},
	{"::10.0.0.1", false},
	{"::8.8.8.8", true},
	{"::1:0:0", false},
	/* mapped */
	{"::ffff:0.0.0.0", false},
	{"::ffff:127.0.0.1", false},
	{"::ffff:169.254.169.254", false},
	{"::ffff:192.168.1.1", false},
	{"::ffff:8.8.8.8", true},
	{"::fffe:8.8.8.8", false},
	{"::ffff:0:8.8.8.8", false},
	/* NAT64 */
	{"64:ff9b::7f00:1", false},
	{"64:ff9b::10.1.2.3", false},
	{"64:ff9b::8.8.8.8", true},
	{"64:ff9b::1:808:808", false},
	{"64:ff9b:1::7f00:1", false},
	{"64:ff9b:1::808:808", false},
	{"64:ff9b:1:ffff:ffff:ffff:808:808", false},
	/* 6to4 */
	{"2002::", false},
	{"2002:7f00:1::1", false},
	{"2002:a00:1::", false},
	{"2002:c0a8:101::1", false},
	{"2002:808:808::1", true},
	{"2002:808:808::7f00:1", true},
	{"2003::1", true},
	/* discard, unassigned */
	{"100::", false},
	{"100::ffff:ffff:ffff:ffff", false},
	{"200::1", false},
	{"1fff:ffff::1", false},
	{"2000::1", true},
	{"3fff:1000::1", true},
	{"4000::1", false},
	{"5f00::1", false},
	/* protocol assignments, Teredo, documentation */
	{"2000:ffff::1", true},
	{"2001::1", false},
	{"2001:0:7f00:1::", false},
	{"2001:1ff:ffff::", false},
	{"2001:200::1", true},
	{"2001:db7:ffff::", true},
	{"2001:db8::", false},
	{"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", false},
	{"2001:db9::", true},
	{"3ffe:ffff::1", true},
	{"3fff::", false},
	{"3fff:fff:ffff::", false},
	/* unique local, link-local, site-local, multicast */
	{"fbff:ffff::", false},
	{"fc00::", false},
	{"fd00::1", false},
	{"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
	{"fe00::", false},
	{"fe80::1", false},
	{"febf:ffff::1", false},
	{"fec0::1", false},
	{"feff:ffff::1", false},
	{"ff00::", false},
	{"ff02::1", false},
	{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
	{"2a00:1450:4001:82a::1a", true},
	{"2606:4700::1", true},
};

static void special_addresses_are_not_public(void **state)
{
	const struct conf_nets nets = {.is_public = true};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(public_cases); i++) {
		struct sockaddr_storage ss = address(public_cases[i].addr);
		const struct sockaddr *sa = (const struct sockaddr *)&ss;

		if (net_is_public(sa) != public_cases[i].want)
			fail_msg("%s", public_cases[i].addr);
		assert_int_equal(conf_net_has(&nets, sa), public_cases[i].want);
	}
}

static void other_families_are_refused(void **state)
{
	const struct sockaddr_un un = {.sun_family = AF_UNIX};
	const struct sockaddr *sa = (const struct sockaddr *)&un;
	const struct conf_nets all = {
		.n = 2,
		.at = {{.family = AF_INET}, {.family = AF_INET6}},
	};
	const struct conf_nets public = {.is_public = true};

	(void)state;
	assert_false(net_is_public(sa));
	assert_false(conf_net_has(&public, sa));
	assert_false(conf_net_has(&all, sa));
}

static const struct has_case {
	const char *name, *nets, *addr;
	bool want;
} has_cases[] = {
	{"inside", "127.0.0.0/8", "127.0.0.1", true},
	{"outside", "127.0.0.0/8", "128.0.0.1", false},
	{"public addresses are not in a list", "127.0.0.0/8", "8.8.8.8", false},
	{"the second network", "127.0.0.0/8 10.0.0.0/8", "10.1.2.3", true},
	{"a prefix inside a byte", "192.168.4.0/22", "192.168.7.255", true},
	{"just behind it", "192.168.4.0/22", "192.168.8.0", false},
	{"a single address", "192.168.4.1", "192.168.4.1", true},
	{"its neighbour", "192.168.4.1", "192.168.4.0", false},
	{"everything of IPv4", "0.0.0.0/0", "127.0.0.1", true},
	{"is nothing of IPv6", "0.0.0.0/0", "::1", false},
	{"IPv6", "::1/128", "::1", true},
	{"IPv6 neighbour", "::1/128", "::2", false},
	{"IPv6 prefix inside a byte", "fc00::/7", "fd12::1", true},
	{"IPv6 outside", "fc00::/7", "fe80::1", false},
	{"everything of IPv6", "::/0", "fe80::1", true},
	{"is nothing of IPv4", "::/0", "127.0.0.1", false},
	{"a mapped address is an IPv4 one", "127.0.0.0/8", "::ffff:127.0.0.1", true},
	{"and no IPv6 one", "::/0", "::ffff:127.0.0.1", false},
};

static void a_list_of_networks_is_all_that_may_be_connected_to(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(has_cases); i++) {
		const struct has_case *c = &has_cases[i];
		struct sockaddr_storage ss = address(c->addr);
		char error[CONF_ERROR_SIZE] = "";
		struct conf *conf = NULL;
		struct buf text;

		buf_init(&text, 4096);
		buf_fmt(&text, "hostname = a.example\ndeliver.networks = %s\n", c->nets);
		if (conf_parse("c", buf_span(&text), &conf, error))
			fail_msg("%s: %s", c->name, error);
		if (conf_net_has(&conf->deliver_networks, (const struct sockaddr *)&ss) != c->want)
			fail_msg("%s", c->name);
		conf_free(&conf);
		buf_done(&text);
	}
}

static const struct {
	const char *word;
	int err;
	const char *text;  /* canonical; NULL where err says that there is none */
	const char *wider; /* by 8 bits */
} words[] = {
	{"10.1.2.0/24", 0, "10.1.2.0/24", "10.1.0.0/16"},
	{"10.1.2.3", 0, "10.1.2.3/32", "10.1.2.0/24"},
	{"10.1.2.3/24", -EDOM, "10.1.2.0/24", "10.1.0.0/16"},
	{"2001:DB8:0:0::/32", 0, "2001:db8::/32", "2001:d00::/24"},
	{"::ffff:10.0.0.0/104", -EDOM, "10.0.0.0/8", "0.0.0.0/0"},
	{"::ffff:10.0.0.1", -EDOM, "10.0.0.1/32", "10.0.0.0/24"},
	{"::ffff:0:0/96", -EDOM, "0.0.0.0/0", NULL},
	{"0.0.0.0/0", 0, "0.0.0.0/0", NULL},
	{"10.0.0.0/33", -ERANGE, NULL, NULL},
	{"10.0.0.0/", -ERANGE, NULL, NULL},
	{"10.0.0.0/-1", -ERANGE, NULL, NULL},
	{"::/129", -ERANGE, NULL, NULL},
	{"10.0.0/8", -EINVAL, NULL, NULL},
	{"fe80::1%eth0", -EINVAL, NULL, NULL},
	{"/8", -EINVAL, NULL, NULL},
	{"", -EINVAL, NULL, NULL},
};

static void test_a_network_has_one_text(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		char text[CONF_NET_SIZE];
		struct conf_net net;

		if (conf_net_read(span_str(words[i].word), &net) != words[i].err)
			fail_msg("%s", words[i].word);
		if (!words[i].text)
			continue;
		conf_net_write(&net, text);
		assert_string_equal(text, words[i].text);
		if (!words[i].wider)
			continue;
		conf_net_widen(&net, net.bits - 8);
		conf_net_write(&net, text);
		assert_string_equal(text, words[i].wider);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(special_addresses_are_not_public),
		cmocka_unit_test(other_families_are_refused),
		cmocka_unit_test(a_list_of_networks_is_all_that_may_be_connected_to),
		cmocka_unit_test(test_a_network_has_one_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
