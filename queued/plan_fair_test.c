/*
 * plan_fair_test.c - who goes first: classes, tenants, domains, and those that wait for one place.
 */
#include "queued/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>

#include "queued/queued.h"

struct conf *conf; /* for the rest of the folder; main.c is not linked */

enum { MANY = 100000, LARGE = 1000000 };

struct copy {
	struct plan_entry e;
	unsigned tenant, domain;
	enum plan_class class;
};

static struct copy copies[MANY];

static void add(struct plan *p, struct copy *c, unsigned tenant, unsigned domain,
		enum plan_class class)
{
	char name[32];
	struct plan_key key = {.tenant = tenant, .class = class};

	snprintf(name, sizeof(name), "d%u.example", domain);
	key.domain = span_str(name);
	*c = (struct copy){.tenant = tenant, .domain = domain, .class = class};
	plan_add(p, &c->e, &key, 0);
}

static struct copy *take(struct plan *p)
{
	struct plan_entry *e = plan_take(p, 0);

	return e ? container_of(e, struct copy, e) : NULL;
}

static void init(struct plan *p, unsigned domain, unsigned total, unsigned reserved_percent)
{
	struct plan_limits l = {domain, total, reserved_percent};

	plan_init(p, &l);
}

/* tenants */

static const struct {
	const char *name;
	unsigned tenants, domains;
} backlogs[] = {
	{"one tenant, one domain", 1, 1},
	{"one tenant, 10,000 domains", 1, 10000},
	{"10 tenants, 7 domains", 10, 7},
	{"1,000 tenants, one domain", 1000, 1},
	{"1,000 tenants, 10,000 domains", 1000, 10000},
	{"1,000 tenants, 999 domains", 1000, 999},
};

/* Whatever the others have: a single copy goes within one round of the tenants. */
static void test_a_large_backlog_delays_a_single_copy_by_one_round(void **state UNUSED)
{
	for (size_t b = 0; b < ARRAY_LEN(backlogs); b++) {
		struct copy single = {0};
		unsigned turn = 1;
		struct plan p;

		init(&p, LARGE, LARGE, 0);
		for (unsigned i = 0; i < MANY; i++)
			add(&p, &copies[i], i % backlogs[b].tenants, i % backlogs[b].domains,
			    PLAN_TRANSACTIONAL);
		for (int i = 0; i < 1234; i++)
			assert_non_null(take(&p));
		add(&p, &single, MANY, 0, PLAN_TRANSACTIONAL);
		while (take(&p) != &single)
			turn++;
		if (turn > backlogs[b].tenants + 1)
			fail_msg("%s: it was number %u", backlogs[b].name, turn);
		plan_done(&p);
	}
}

static void test_all_of_a_large_backlog_go_each_once_and_tenants_alike(void **state UNUSED)
{
	for (size_t b = 0; b < ARRAY_LEN(backlogs); b++) {
		static unsigned taken[1000];
		unsigned each = MANY / backlogs[b].tenants;
		struct copy *c;
		struct plan p;

		init(&p, 3, 50, 25);
		memset(taken, 0, sizeof(taken));
		for (unsigned i = 0; i < MANY; i++)
			add(&p, &copies[i], i / each, i % backlogs[b].domains, PLAN_TRANSACTIONAL);
		for (unsigned i = 0; i < MANY; i++) {
			c = take(&p);
			assert_non_null(c);
			/* in the n-th round of the tenants everybody has had n - 1 or n */
			assert_int_equal(taken[c->tenant]++, i / backlogs[b].tenants);
			plan_remove(&p, &c->e);
		}
		assert_null(take(&p));
		assert_int_equal(p.flows.n, 0);
		plan_done(&p);
	}
}

static void test_a_tenants_domains_take_turns(void **state UNUSED)
{
	struct plan p;

	init(&p, LARGE, LARGE, 0);
	for (unsigned i = 0; i < 1000; i++) /* 991 for one domain, one for each of nine */
		add(&p, &copies[i], 1, i < 991 ? 0 : i - 990, PLAN_TRANSACTIONAL);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(take(&p)->domain, i);
	for (unsigned i = 0; i < 990; i++)
		assert_int_equal(take(&p)->domain, 0);
	assert_null(take(&p));
	plan_done(&p);
}

/* those that wait for one domain */

static void test_tenants_take_turns_for_the_places_of_a_full_domain(void **state UNUSED)
{
	for (unsigned places = 1; places <= 7; places++) {
		struct copy *flying[7], *c;
		unsigned order[200];
		struct plan p;

		init(&p, places, LARGE, 0);
		/* tenant 0 has most, and was there first */
		for (unsigned i = 0; i < 600; i++)
			add(&p, &copies[i], i < 400 ? 0 : 1 + i % 4, 0, PLAN_TRANSACTIONAL);
		for (unsigned i = 0; i < places; i++)
			flying[i] = take(&p);
		for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
			assert_null(take(&p));
			plan_remove(&p, &flying[i % places]->e);
			flying[i % places] = c = take(&p);
			assert_non_null(c);
			order[i] = c->tenant;
		}
		for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
			assert_true(i < 5 || order[i] == order[i - 5]);
			for (unsigned k = i >= 5 ? i - 4 : 0; k < i; k++)
				assert_int_not_equal(order[k], order[i]);
		}
		plan_done(&p);
	}
}

/* Tenant 0 has 5,000 domains to go on with, but the places of domain 0 don't wait for it. */
static void test_who_has_much_else_to_send_does_not_keep_a_place_from_others(void **state UNUSED)
{
	unsigned turn = 1, others = 0;
	struct copy *first, *c;
	struct plan p;

	init(&p, 1, LARGE, 0);
	add(&p, &copies[0], 9, 0, PLAN_TRANSACTIONAL);
	first = take(&p);
	for (unsigned i = 1; i < 5000; i++)
		add(&p, &copies[i], 0, i - 1, PLAN_TRANSACTIONAL);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(take(&p)->tenant, 0); /* finds domain 0 full */
	add(&p, &copies[5000], 7, 0, PLAN_TRANSACTIONAL);
	plan_remove(&p, &first->e);
	for (c = NULL; c != &copies[5000]; turn++) {
		c = take(&p);
		assert_non_null(c);
		others += c->domain != 0;
		if (c->domain == 0)
			plan_remove(&p, &c->e);
	}
	assert_in_range(turn, 2, 5);
	assert_in_range(others, 1, 2);
	plan_done(&p);
}

/* Held places don't shut out the other domains of the tenant, either. */
static void test_a_busy_domain_does_not_keep_its_tenant_from_others(void **state UNUSED)
{
	struct copy *flying[3];
	unsigned others = 0;
	struct plan p;

	init(&p, 1, LARGE, 0);
	for (unsigned i = 0; i < 3000; i++)
		add(&p, &copies[i], 0, i % 3, PLAN_TRANSACTIONAL);
	for (unsigned i = 0; i < 3; i++)
		flying[i] = take(&p);
	assert_null(take(&p));
	for (unsigned i = 0; i < 100; i++)
		add(&p, &copies[3000 + i], 0, 10 + i, PLAN_TRANSACTIONAL);
	/* as soon as one of the three has gone there is a place for the next */
	for (unsigned i = 0; i < 200; i++) {
		for (unsigned k = 0; k < 3; k++)
			if (flying[k])
				plan_remove(&p, &flying[k]->e);
		memset(flying, 0, sizeof(flying));
		struct copy *c = take(&p);

		if (c->domain < 3)
			flying[c->domain] = c;
		else
			others++;
	}
	assert_int_equal(others, 100);
	plan_done(&p);
}

/* shares */

static const struct {
	unsigned total, domains;
	enum plan_class class;
	unsigned had[5]; /* by the first tenant that never ends a copy, by the second, ... */
} shares[] = {
	{200, 10, PLAN_TRANSACTIONAL, {160, 32, 7, 1, 0}},
	{200, 1000, PLAN_TRANSACTIONAL, {160, 32, 7, 1, 0}},
	{200, 10, PLAN_BULK, {120, 24, 5, 1, 0}}, /* of 150 */
	{10, 10, PLAN_TRANSACTIONAL, {8, 2, 0, 0, 0}},
	{4, 4, PLAN_TRANSACTIONAL, {4, 0, 0, 0, 0}},
	{1, 1, PLAN_TRANSACTIONAL, {1, 0, 0, 0, 0}},
};

/* Tenants whose destinations are slow come one after another: each leaves something. */
static void test_a_tenant_of_slow_domains_leaves_places_to_the_next(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
		int64_t since = -1;
		struct plan p;

		init(&p, 20, shares[i].total, 25);
		for (unsigned t = 0; t < ARRAY_LEN(shares[i].had); t++) {
			unsigned n = 0;

			for (unsigned k = 0; k < 1000; k++)
				add(&p, &copies[1000 * t + k], t, 1000 * t + k % shares[i].domains,
				    shares[i].class);
			for (struct copy *c; (c = take(&p)); n++)
				assert_int_equal(c->tenant, t);
			if (n != shares[i].had[t])
				fail_msg("case %zu: tenant %u had %u", i, t, n);
		}
		assert_true(plan_is_short(&p, &since));
		assert_int_equal(since, 0);
		plan_done(&p);
	}
}

/* What ends is again the share of all that wait: none may have it all, none has nothing. */
static void test_shares_are_kept_as_copies_end(void **state UNUSED)
{
	unsigned had[3] = {0}, flying[3] = {0};
	struct copy *c, *first = NULL;
	struct plan p;

	init(&p, 20, 200, 25);
	for (unsigned i = 0; i < 9000; i++)
		add(&p, &copies[i], i % 3, i % 100, PLAN_TRANSACTIONAL);
	for (unsigned i = 0; i < 9000; i++) {
		while ((c = take(&p))) {
			flying[c->tenant]++;
			had[c->tenant]++;
		}
		for (unsigned k = 0; k < 9000; k++) { /* tenant 0's never end */
			first = &copies[(i + k) % 9000];
			if (first->tenant != 0 && plan_is_in_flight(&first->e))
				break;
		}
		if (first->tenant == 0 || !plan_is_in_flight(&first->e))
			break;
		flying[first->tenant]--;
		plan_remove(&p, &first->e);
		assert_in_range(flying[0], 1, 160);
	}
	assert_int_equal(had[1], 3000);
	assert_int_equal(had[2], 3000);
	assert_int_equal(flying[0], 160);
	plan_done(&p);
}

/* A place of a domain is not kept for a tenant that may not use it now. */
static void test_who_has_used_up_its_share_keeps_no_place_of_a_domain(void **state UNUSED)
{
	struct plan p;

	init(&p, 1, 10, 0);
	add(&p, &copies[0], 9, 0, PLAN_TRANSACTIONAL);
	assert_ptr_equal(take(&p), &copies[0]);
	/* tenant 1 waits for domain 0 and has 7 in flight elsewhere, tenant 2 waits behind it */
	for (unsigned i = 1; i <= 8; i++)
		add(&p, &copies[i], 1, i - 1, PLAN_TRANSACTIONAL);
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(take(&p)->tenant, 1);
	add(&p, &copies[9], 2, 0, PLAN_TRANSACTIONAL);
	assert_null(take(&p));
	/* held for tenant 1, whose share then shrinks */
	plan_remove(&p, &copies[0].e);
	plan_limits_set(&p, &(struct plan_limits){1, 8, 0});
	assert_ptr_equal(take(&p), &copies[9]);
	assert_null(take(&p));
	/* it goes on as its own end */
	plan_remove(&p, &copies[9].e);
	assert_null(take(&p));
	for (unsigned i = 2; i < 4; i++)
		plan_remove(&p, &copies[i].e);
	assert_ptr_equal(take(&p), &copies[1]);
	plan_done(&p);
}

/* classes */

static void test_transactional_goes_first_and_every_fifth_is_bulk(void **state UNUSED)
{
	struct plan p;

	init(&p, LARGE, LARGE, 25);
	for (unsigned i = 0; i < 1000; i++)
		add(&p, &copies[i], i % 3, i % 7, i % 2 ? PLAN_BULK : PLAN_TRANSACTIONAL);
	for (unsigned i = 0; i < 625; i++)
		assert_int_equal(take(&p)->class, i % 5 == 4 ? PLAN_BULK : PLAN_TRANSACTIONAL);
	for (unsigned i = 0; i < 375; i++)
		assert_int_equal(take(&p)->class, PLAN_BULK);
	assert_null(take(&p));
	plan_done(&p);
}

/* A domain with a backlog of both: each place that becomes free is used, every fifth by bulk. */
static void test_bulk_has_its_share_of_a_full_domain(void **state UNUSED)
{
	for (unsigned places = 1; places <= 20; places++) {
		struct copy *flying[20];
		unsigned bulk = 0;
		struct plan p;

		init(&p, places, LARGE, 25);
		for (unsigned i = 0; i < 2000; i++)
			add(&p, &copies[i], i % 3, 0, i % 2 ? PLAN_BULK : PLAN_TRANSACTIONAL);
		for (unsigned i = 0; i < places; i++)
			flying[i] = take(&p);
		for (unsigned i = 0; i < 1000; i++) {
			assert_null(take(&p));
			plan_remove(&p, &flying[i % places]->e);
			flying[i % places] = take(&p);
			assert_non_null(flying[i % places]);
			bulk += flying[i % places]->class == PLAN_BULK;
		}
		if (bulk != 200)
			fail_msg("%u places: %u of 1,000 were bulk", places, bulk);
		plan_done(&p);
	}
}

static const struct {
	unsigned max, percent, bulk;
} reserved[] = {
	{1, 0, 1},   {1, 25, 1},   {1, 90, 1},	 {2, 0, 2},    {2, 25, 1},
	{2, 90, 1},  {3, 25, 2},   {4, 25, 3},	 {4, 90, 1},   {5, 25, 3},
	{20, 0, 20}, {20, 25, 15}, {20, 90, 2},	 {20, 1, 19},  {200, 25, 150},
	{10, 90, 1}, {10, 100, 1}, {10, 101, 1}, {100, 1, 99},
};

/* The limit of a domain, or of all. */
static void check_reserved(size_t i, bool of_all)
{
	unsigned max = reserved[i].max, n = 0, other = 0;
	struct plan p;

	init(&p, of_all ? LARGE : max, of_all ? max : LARGE, reserved[i].percent);
	for (unsigned k = 0; k < 300; k++) /* more tenants than any share could stop */
		add(&p, &copies[k], k, 0, PLAN_BULK);
	while (take(&p))
		n++;
	if (n != reserved[i].bulk)
		fail_msg("%u places, %u percent: bulk has %u", max, reserved[i].percent, n);
	for (unsigned k = 300; k < 600; k++)
		add(&p, &copies[k], k, 0, PLAN_TRANSACTIONAL);
	while (take(&p))
		other++;
	assert_int_equal(n + other, max);
	plan_done(&p);
}

static void test_bulk_leaves_the_reserved_places_to_transactional(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
		check_reserved(i, false);
		check_reserved(i, true);
	}
}

/* A newsletter fills all that it may; a password mail comes: at once, whatever is held for bulk. */
static void test_a_transactional_copy_does_not_wait_for_bulk(void **state UNUSED)
{
	struct copy *flying[4];
	struct plan p;

	init(&p, 1, LARGE, 25); /* one place, no reserved one */
	for (unsigned i = 0; i < 1000; i++)
		add(&p, &copies[i], i % 5, i % 4, PLAN_BULK);
	for (unsigned i = 0; i < 4; i++)
		flying[i] = take(&p);
	assert_null(take(&p));
	add(&p, &copies[1000], 9, 0, PLAN_TRANSACTIONAL);
	assert_null(take(&p));
	for (unsigned i = 0; i < 4; i++)
		plan_remove(&p, &flying[i]->e);
	assert_ptr_equal(take(&p), &copies[1000]);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(take(&p)->class, PLAN_BULK);
	assert_null(take(&p));
	plan_remove(&p, &copies[1000].e);
	assert_int_equal(take(&p)->class, PLAN_BULK);
	plan_done(&p);
}

/* The place that was held for tenant 1 goes to a transactional copy: it is still the first. */
static void test_a_bulk_flow_that_lost_its_place_keeps_its_turn(void **state UNUSED)
{
	struct plan p;

	init(&p, 1, LARGE, 25);
	add(&p, &copies[0], 0, 0, PLAN_BULK);
	assert_ptr_equal(take(&p), &copies[0]);
	for (unsigned i = 1; i <= 3; i++)
		add(&p, &copies[i], i, 0, PLAN_BULK);
	assert_null(take(&p));
	plan_remove(&p, &copies[0].e);
	add(&p, &copies[4], 4, 0, PLAN_TRANSACTIONAL);
	assert_ptr_equal(take(&p), &copies[4]);
	for (unsigned i = 1; i <= 3; i++) {
		assert_null(take(&p));
		plan_remove(&p, i == 1 ? &copies[4].e : &copies[i - 1].e);
		assert_ptr_equal(take(&p), &copies[i]);
	}
	plan_done(&p);
}

/* Lowered and raised limits, with both classes and several tenants waiting. */
static void test_larger_limits_wake_all_that_wait(void **state UNUSED)
{
	static const struct plan_limits wide = {10, 500, 50};
	unsigned n[PLAN_CLASSES] = {0};
	struct copy *c;
	struct plan p;

	init(&p, 1, 500, 50);
	for (unsigned i = 0; i < 3000; i++)
		add(&p, &copies[i], i % 5, i % 3, i % 2 ? PLAN_BULK : PLAN_TRANSACTIONAL);
	while ((c = take(&p)))
		n[c->class]++;
	assert_int_equal(n[0] + n[1], 3);
	plan_limits_set(&p, &wide);
	while ((c = take(&p)))
		n[c->class]++;
	assert_int_equal(n[0] + n[1], 30);
	assert_in_range(n[PLAN_BULK], 30 / 5, 15);
	plan_done(&p);
}

static int setup(void **state UNUSED)
{
	return sodium_init() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_large_backlog_delays_a_single_copy_by_one_round),
		cmocka_unit_test(test_all_of_a_large_backlog_go_each_once_and_tenants_alike),
		cmocka_unit_test(test_a_tenants_domains_take_turns),
		cmocka_unit_test(test_tenants_take_turns_for_the_places_of_a_full_domain),
		cmocka_unit_test(test_who_has_much_else_to_send_does_not_keep_a_place_from_others),
		cmocka_unit_test(test_a_busy_domain_does_not_keep_its_tenant_from_others),
		cmocka_unit_test(test_a_tenant_of_slow_domains_leaves_places_to_the_next),
		cmocka_unit_test(test_shares_are_kept_as_copies_end),
		cmocka_unit_test(test_who_has_used_up_its_share_keeps_no_place_of_a_domain),
		cmocka_unit_test(test_transactional_goes_first_and_every_fifth_is_bulk),
		cmocka_unit_test(test_bulk_has_its_share_of_a_full_domain),
		cmocka_unit_test(test_bulk_leaves_the_reserved_places_to_transactional),
		cmocka_unit_test(test_a_transactional_copy_does_not_wait_for_bulk),
		cmocka_unit_test(test_a_bulk_flow_that_lost_its_place_keeps_its_turn),
		cmocka_unit_test(test_larger_limits_wake_all_that_wait),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
