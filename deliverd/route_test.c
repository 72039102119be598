#include "deliverd/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>

/*
 * A small DNS: "name TYPE data ...".  A name that stands here with another type is NODATA, one
 * that does not is NXDOMAIN; "!" as data is a failure, "?" a name that is not here.
 */
struct zone {
	const char *name;
	enum dns_type type;
	const char *data;
};

static const struct zone zone[] = {
	{"two.test", DNS_MX, "20 far.test 10 near.test"},
	{"near.test", DNS_A, "192.0.2.1 192.0.2.2"},
	{"near.test", DNS_AAAA, "2001:db8::1"},
	{"far.test", DNS_A, "192.0.2.9"},
	{"null.test", DNS_MX, "0 ."},
	{"nullish.test", DNS_MX, "0 . 10 near.test"},
	{"plain.test", DNS_A, "192.0.2.7"},
	{"text.test", DNS_TXT, "x"},
	{"broken.test", DNS_MX, "!"},
	{"away.test", DNS_MX, "?"},
	{"half.test", DNS_MX, "10 sick.test 20 far.test"},
	{"sick.test", DNS_A, "!"},
	{"ill.test", DNS_MX, "10 sick.test"},
	{"missing.test", DNS_MX, "10 gone.test"},
	{"mxaway.test", DNS_MX, "10 nothere.test"},
	{"nothere.test", DNS_A, "?"},
	{"nothere.test", DNS_AAAA, "?"},
	{"self.test", DNS_MX, "10 me.test 20 far.test"},
	{"backup.test", DNS_MX, "5 near.test 10 me.test 10 far.test 20 far.test"},
	{"me.test", DNS_A, "192.0.2.5"},
	{"inside.test", DNS_MX, "10 lan.test 20 local.test"},
	{"lan.test", DNS_A, "10.1.2.3"},
	{"local.test", DNS_A, "127.0.0.1"},
	{"local.test", DNS_AAAA, "::1"},
	{"mixed.test", DNS_MX, "10 lan.test 20 far.test"},
	{"lanill.test", DNS_MX, "10 lan.test 20 sick.test"},
	{"public.test", DNS_A, "8.8.8.8"},
	{"relay.test", DNS_A, "10.9.9.9"},
	{"own.test", DNS_A, "8.8.4.4"},
	{"ours.test", DNS_MX, "10 own.test 20 public.test"},
	{"ourbackup.test", DNS_MX, "5 public.test 10 own.test 10 other.test 20 worse.test"},
	{"oursick.test", DNS_MX, "5 sick.test 10 own.test"},
	{"other.test", DNS_A, "8.8.8.1"},
	{"worse.test", DNS_A, "8.8.8.2"},
	{"many.test", DNS_MX,
	 "10 m1.test 10 m2.test 10 m3.test 10 m4.test 10 m5.test 10 m6.test 10 m7.test 10 m8.test "
	 "10 m9.test 10 ma.test 10 mb.test 10 mc.test"},
};

struct fixture {
	struct conf *conf;
	struct conf_hostport relay; /* the server's own */
	struct route route;
	size_t asked;
};

static void wire_name(struct buf *b, struct span name)
{
	if (span_eq_str(name, "."))
		name.n = 0;
	while (name.n) {
		struct span label = span_cut(&name, '.');

		buf_byte(b, (uint8_t)label.n);
		buf_add(b, label);
	}
	buf_byte(b, 0);
}

static void wire(enum dns_type type, struct span *data, struct buf *b)
{
	struct span word = span_cut(data, ' ');
	char text[64];
	uint64_t pref;

	buf_init(b, 512);
	if (type == DNS_MX) {
		assert_int_equal(span_u64(word, 65535, &pref), 0);
		buf_byte(b, (uint8_t)(pref >> 8));
		buf_byte(b, (uint8_t)pref);
		wire_name(b, span_cut(data, ' '));
		return;
	}
	assert_int_equal(span_cstr(word, text, sizeof(text)), 0);
	int family = type == DNS_A ? AF_INET : AF_INET6;
	assert_int_equal(inet_pton(family, text, buf_room(b, 16)), 1);
	buf_used(b, type == DNS_A ? 4 : 16);
}

static void answer_records(struct fixture *f, size_t i, enum dns_type type, const char *text)
{
	struct span data = span_str(text), items[32];
	struct ipc_spans records = {.items = items};
	struct buf bytes[32];

	while (data.n) {
		wire(type, &data, &bytes[records.n]);
		items[records.n] = buf_span(&bytes[records.n]);
		records.n++;
	}
	route_answer(&f->route, f->conf, i, DNS_OK, span_of("", 0), &records);
	for (size_t k = 0; k < records.n; k++)
		buf_done(&bytes[k]);
}

static void answer_one(struct fixture *f, size_t i)
{
	static const struct ipc_spans none;
	enum dns_type type;
	const struct domain *name = route_question(&f->route, i, &type);
	enum dns_status status = DNS_NXDOMAIN;

	f->asked++;
	for (size_t k = 0; k < ARRAY_LEN(zone); k++) {
		if (strcmp(zone[k].name, name->s) != 0)
			continue;
		status = status == DNS_NXDOMAIN ? DNS_NODATA : status;
		if (zone[k].type != type)
			continue;
		if (zone[k].data[0] != '!' && zone[k].data[0] != '?') {
			answer_records(f, i, type, zone[k].data);
			return;
		}
		status = zone[k].data[0] == '!' ? DNS_FAILED : DNS_NOT_HERE;
	}
	if (name->s[0] == 'm' && name->n == 7 && type == DNS_A)
		answer_records(f, i, type, "192.0.2.100 192.0.2.101");
	else
		route_answer(&f->route, f->conf, i, status, SPAN_LIT("the reason"), &none);
}

/* Asks all questions; backwards: the last one known first. */
static bool is_own(const struct sockaddr *sa)
{
	struct in_addr own;

	assert_int_equal(inet_pton(AF_INET, "8.8.4.4", &own), 1);
	return sa->sa_family == AF_INET &&
	       ((const struct sockaddr_in *)sa)->sin_addr.s_addr == own.s_addr;
}

static void run(struct fixture *f, const char *rcpt, uint64_t random, bool backwards)
{
	bool done[ROUTE_QUESTIONS] = {false};
	struct addr addr;

	assert_int_equal(addr_parse(span_str(rcpt), &addr), 0);
	f->asked = 0;
	route_start(&f->route, f->conf, &f->relay, &addr, random, is_own);
	while (f->route.state == ROUTE_ASKING) {
		size_t n = f->route.questions, i;

		for (i = 0; i < n && done[backwards ? n - 1 - i : i]; i++)
			;
		assert_true(i < n);
		i = backwards ? n - 1 - i : i;
		done[i] = true;
		answer_one(f, i);
	}
}

static void settings(struct fixture *f, const char *more)
{
	char error[CONF_ERROR_SIZE];
	struct buf text;

	conf_free(&f->conf);
	buf_init(&text, 4096);
	buf_fmt(&text, "hostname = me.test\nreturn_path.domain = rp.test\n%s", more);
	if (conf_parse("test", buf_span(&text), &f->conf, error) != 0)
		fail_msg("%s", error);
	buf_done(&text);
}

static const char open_nets[] = "deliver.networks = 192.0.2.0/24 2001:db8::/32\n";
static const char loop_nets[] = "deliver.networks = 127.0.0.0/8 ::1/128\n";
static const char to_relay[] = "deliver.relay = relay.test:2525\n"
			       "deliver.mx = special.test=[::1]:2526 named.test=lan.test:27\n";

static const struct {
	const char *name;
	const char *conf;
	const char *rcpt;
	const char *hops;   /* "host[ip]:port ..."; NULL: failed */
	const char *status; /* of the failure */
	const char *text;   /* is in its text */
} cases[] = {
	{"hosts come by preference, v6 and v4 in turns", open_nets, "a@two.test",
	 "near.test[2001:db8::1]:25 near.test[192.0.2.1]:25 near.test[192.0.2.2]:25 "
	 "far.test[192.0.2.9]:25",
	 NULL, NULL},
	{"without MX the domain's own address counts", open_nets, "a@plain.test",
	 "plain.test[192.0.2.7]:25", NULL, NULL},
	{"null MX", open_nets, "a@null.test", NULL, "5.1.10", "does not accept mail"},
	{"null MX beside others is ignored", open_nets, "a@nullish.test",
	 "near.test[2001:db8::1]:25 near.test[192.0.2.1]:25 near.test[192.0.2.2]:25", NULL, NULL},
	{"no such domain", open_nets, "a@nowhere.test", NULL, "5.1.2", "does not exist"},
	{"neither MX nor address", open_nets, "a@text.test", NULL, "5.4.4", "neither"},
	{"DNS fails", open_nets, "a@broken.test", NULL, "4.4.3", "the reason"},
	{"the sandbox's zone lacks the domain", loop_nets, "a@away.test", NULL, "4.4.3",
	 "away.test is not in this sandbox's dns.zone"},
	{"the sandbox's zone lacks the MX host", loop_nets, "a@mxaway.test", NULL, "4.4.3",
	 "nothere.test is not in this sandbox's dns.zone and nobody else is asked; add it there, "
	 "or start the sandbox with --mx mxaway.test=HOST:PORT or --relay HOST:PORT"},
	{"one host's DNS fails, another is there", open_nets, "a@half.test",
	 "far.test[192.0.2.9]:25", NULL, NULL},
	{"the only host's DNS fails", open_nets, "a@ill.test", NULL, "4.4.3", "sick.test"},
	{"the only host does not exist: perhaps tomorrow", open_nets, "a@missing.test", NULL,
	 "4.4.4", "none of the mail servers"},
	{"we are the best MX", open_nets, "a@self.test", NULL, "5.4.6", "loops back to myself"},
	{"we are a backup: only better ones are tried", open_nets, "a@backup.test",
	 "near.test[2001:db8::1]:25 near.test[192.0.2.1]:25 near.test[192.0.2.2]:25", NULL, NULL},
	{"our own name without MX", open_nets, "a@me.test", NULL, "5.4.6", "loops back"},
	{"the best MX has our address", "", "a@ours.test", NULL, "5.4.6", "loops back to myself"},
	{"a worse MX has our address: only better ones are tried", "", "a@ourbackup.test",
	 "public.test[8.8.8.8]:25", NULL, NULL},
	{"an MX has our address, a better one's DNS fails", "", "a@oursick.test", NULL, "4.4.3",
	 "sick.test"},
	{"our address without MX", "", "a@own.test", NULL, "5.4.6", "loops back to myself"},
	{"our address as literal", "", "a@[8.8.4.4]", NULL, "5.4.6", "loops back to myself"},
	{"our address as the relay", "deliver.relay = 8.8.4.4:26\n", "a@two.test",
	 "8.8.4.4[8.8.4.4]:26", NULL, NULL},
	{"our address in an operator's network", "deliver.networks = 8.8.4.0/24\n", "a@own.test",
	 "own.test[8.8.4.4]:25", NULL, NULL},
	{"only private addresses, for a public server", "", "a@inside.test", NULL, "5.4.6",
	 "lan.test[10.1.2.3], local.test[::1], local.test[127.0.0.1]"},
	{"some addresses are forbidden", open_nets, "a@mixed.test", "far.test[192.0.2.9]:25", NULL,
	 NULL},
	{"forbidden and unknown: not certain", open_nets, "a@lanill.test", NULL, "4.4.3", "sick"},
	{"documentation networks are not public", "", "a@plain.test", NULL, "5.4.6", "192.0.2.7"},
	{"a public address", "", "a@public.test", "public.test[8.8.8.8]:25", NULL, NULL},
	{"a sandbox does not go out", loop_nets, "a@public.test", NULL, "4.4.0",
	 "this sandbox connects only to loopback and to the --relay and --mx addresses"},
	{"address literals", open_nets, "a@[192.0.2.77]", "192.0.2.77[192.0.2.77]:25", NULL, NULL},
	{"address literals, v6", open_nets, "a@[IPv6:2001:db8::7]", "2001:db8::7[2001:db8::7]:25",
	 NULL, NULL},
	{"forbidden address literals", "", "a@[127.0.0.1]", NULL, "5.4.6", "127.0.0.1"},
	{"the relay takes everything and may be private", to_relay, "a@two.test",
	 "relay.test[10.9.9.9]:2525", NULL, NULL},
	{"the relay takes literals too", to_relay, "a@[8.8.8.8]", "relay.test[10.9.9.9]:2525", NULL,
	 NULL},
	{"deliver.mx goes before the relay", to_relay, "a@special.test", "::1[::1]:2526", NULL,
	 NULL},
	{"deliver.mx by name", to_relay, "a@named.test", "lan.test[10.1.2.3]:27", NULL, NULL},
	{"a relay that does not exist is no fault of the recipient",
	 "deliver.relay = gone.test:25\n", "a@two.test", NULL, "4.4.4", "gone.test"},
	{"a relay whose DNS fails", "deliver.relay = sick.test:25\n", "a@two.test", NULL, "4.4.3",
	 "sick.test"},
	{"another port, in a sandbox",
	 "deliver.networks = 127.0.0.0/8 ::1/128\ndeliver.port = 2525\n", "a@local.test",
	 "local.test[::1]:2525 local.test[127.0.0.1]:2525", NULL, NULL},
};

static void check_case(struct fixture *f, size_t i)
{
	const struct route *r = &f->route;
	struct buf got;

	buf_init(&got, 8192);
	for (size_t k = 0; k < r->hop_n; k++)
		buf_fmt(&got, "%s%s[%s]:%u", k ? " " : "", r->hop[k].host, r->hop[k].ip,
			r->hop[k].port);
	buf_byte(&got, 0);
	if (cases[i].hops && (r->state != ROUTE_FOUND || strcmp((char *)got.p, cases[i].hops)))
		fail_msg("%s: %s %s", cases[i].name, (char *)got.p, r->outcome.text);
	if (!cases[i].hops &&
	    (r->state != ROUTE_FAILED || strcmp(r->outcome.status, cases[i].status) ||
	     !strstr(r->outcome.text, cases[i].text) ||
	     r->outcome.kind != (cases[i].status[0] == '5' ? OUTCOME_PERM : OUTCOME_TEMP)))
		fail_msg("%s: %s %s %s", cases[i].name, (char *)got.p, r->outcome.status,
			 r->outcome.text);
	buf_done(&got);
}

static void every_case_whatever_the_order_of_answers(void **state)
{
	static struct fixture f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		settings(&f, cases[i].conf);
		run(&f, cases[i].rcpt, 1, false);
		check_case(&f, i);
		run(&f, cases[i].rcpt, 2, true);
		check_case(&f, i);
	}
	conf_free(&f.conf);
}

static void equal_preferences_are_shuffled_and_limited(void **state)
{
	static struct fixture f;
	bool first[16] = {false};
	size_t differ = 0;

	(void)state;
	settings(&f, open_nets);
	for (uint64_t random = 0; random < 200; random++) {
		run(&f, "a@many.test", random, false);
		assert_int_equal(f.asked, 1 + 2 * LIMIT_MX);
		assert_int_equal(f.route.host_n, LIMIT_MX);
		uint8_t digit;
		char hex[3] = {'0', f.route.host[0].name.s[1], 0};
		assert_int_equal(hex_decode(span_str(hex), &digit, 1), 0);
		first[digit] = true;
	}
	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		differ += first[i];
	assert_int_equal(differ, 12);
	assert_int_equal(f.route.hop_n, 2); /* one address once, whatever host has it */
	conf_free(&f.conf);
}

static void the_servers_relay_goes_before_the_instances(void **state)
{
	static struct fixture f;

	(void)state;
	settings(&f, to_relay);
	assert_null(conf_hostport_read(SPAN_LIT("lan.test:28"), &f.relay));
	run(&f, "a@two.test", 1, false);
	assert_int_equal(f.route.hop_n, 1);
	assert_string_equal(f.route.hop[0].ip, "10.1.2.3"); /* which may be private */
	assert_int_equal(f.route.hop[0].port, 28);
	run(&f, "a@special.test", 1, false); /* deliver.mx goes before both */
	assert_int_equal(f.route.hop_n, 1);
	assert_int_equal(f.route.hop[0].port, 2526);
	conf_free(&f.conf);
}

static void giving_up_is_temporary(void **state)
{
	static struct fixture f;
	struct addr addr;

	(void)state;
	settings(&f, "");
	assert_int_equal(addr_parse(SPAN_LIT("a@two.test"), &addr), 0);
	route_start(&f.route, f.conf, &f.relay, &addr, 1, is_own);
	route_give_up(&f.route, "nobody there");
	assert_int_equal(f.route.state, ROUTE_FAILED);
	assert_int_equal(f.route.outcome.kind, OUTCOME_TEMP);
	assert_string_equal(f.route.outcome.status, "4.4.3");
	conf_free(&f.conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_whatever_the_order_of_answers),
		cmocka_unit_test(equal_preferences_are_shuffled_and_limited),
		cmocka_unit_test(the_servers_relay_goes_before_the_instances),
		cmocka_unit_test(giving_up_is_temporary),
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
