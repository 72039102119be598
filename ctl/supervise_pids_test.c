#include "ctl/supervise_pids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#define TAIL " 4194304 110 0 0 0 1 2 0 0 20 0 1 0 98765 1234 99 18446744073709551615"

static const struct {
	const char *name;
	const char *text;
	int err;
	struct sup_stat want;
} stats[] = {
	{"a process", "812 (posthaste-smtpd) S 1 812 800 0 -1" TAIL, 0, {812, 800, 98765, false}},
	{"a name with a parenthesis and blanks",
	 "812 (a) Z 1 (b) S 1 812 800 0 -1" TAIL,
	 0,
	 {812, 800, 98765, false}},
	{"a name with a line end", "812 (a\nb) R 1 812 800 0 -1" TAIL, 0, {812, 800, 98765, false}},
	{"a zombie", "812 (x) Z 1 812 800 0 -1" TAIL, 0, {812, 800, 98765, true}},
	{"nothing", "", -EINVAL, {0}},
	{"no name", "812 S 1 812 800", -EINVAL, {0}},
	{"cut behind the name", "812 (x)", -EINVAL, {0}},
	{"cut before the start", "812 (x) S 1 812 800 0 -1 4194304", -EINVAL, {0}},
};

static void test_stat(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(stats); i++) {
		struct sup_stat s = {.start = 0};

		print_message("%s\n", stats[i].name);
		assert_int_equal(sup_stat_parse(span_str(stats[i].text), &s), stats[i].err);
		assert_int_equal(s.group, stats[i].want.group);
		assert_int_equal(s.session, stats[i].want.session);
		assert_int_equal(s.start, stats[i].want.start);
		assert_int_equal(s.zombie, stats[i].want.zombie);
	}
}

static const struct {
	const char *name;
	const char *text;
	int err;
} records[] = {
	{"two daemons", "boot b-1\nsession 70\nsmtpd 812 98765\nqueued 813 98766\n", 0},
	{"none", "boot b-1\nsession 70\n", 0},
	{"an empty file", "", -EINVAL},
	{"no boot", "session 70\nsmtpd 812 98765\n", -EINVAL},
	{"no session", "boot b-1\nsmtpd 812 98765\n", -EINVAL},
	{"an unknown role", "boot b-1\nsession 70\nsshd 812 98765\n", -EINVAL},
	{"no start", "boot b-1\nsession 70\nsmtpd 812\n", -EINVAL},
	{"pid 1 is never ours", "boot b-1\nsession 70\nsmtpd 1 98765\n", -EINVAL},
	{"pid 0 would be our own group", "boot b-1\nsession 70\nsmtpd 0 98765\n", -EINVAL},
	{"a negative pid", "boot b-1\nsession 70\nsmtpd -5 98765\n", -EINVAL},
	{"a number that is too large", "boot b-1\nsession 70\nsmtpd 99999999999 1\n", -EINVAL},
	{"a blank more", "boot b-1\nsession 70\nsmtpd 812 98765 \n", -EINVAL},
};

static void test_record(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		struct sup_pids p = {.n = 0};
		struct buf b;

		print_message("%s\n", records[i].name);
		assert_int_equal(sup_pids_parse(span_str(records[i].text), &p), records[i].err);
		if (records[i].err)
			continue;
		buf_init(&b, 4096);
		sup_pids_print(&p, &b);
		assert_true(span_eq_str(buf_span(&b), records[i].text));
		buf_done(&b);
	}
}

static void test_add_and_remove(void **state)
{
	struct sup_pids p;

	(void)state;
	sup_pids_init(&p);
	assert_int_equal(p.session, getsid(0));
	assert_int_equal(sup_pids_add(&p, ROLE_SMTPD, getpid()), 0);
	assert_int_equal(p.n, 1);
	assert_true(p.at[0].start > 0);
	assert_int_not_equal(sup_pids_add(&p, ROLE_SMTPD, INT32_MAX), 0);
	sup_pids_remove(&p, INT32_MAX);
	assert_int_equal(p.n, 1);
	sup_pids_remove(&p, getpid());
	assert_int_equal(p.n, 0);
}

static void test_deliveries_are_waited_for(void **state)
{
	(void)state;
	assert_int_equal(sup_grace_ms(ROLE_DELIVERD, 600000), 610000);
	assert_int_equal(sup_grace_ms(ROLE_QUEUED, 600000), 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_add_and_remove),
		cmocka_unit_test(test_deliveries_are_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
