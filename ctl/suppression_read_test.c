/*
 * suppression_read_test.c - lists as other systems write them.
 */
#include "ctl/suppression_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/buf.h"

/* "a@b|reason|since|until;" for each entry, "[server]" before it where one is given, "!line;" for
 * what is bad */
static void on_entry(const struct suppression_entry *e, void *arg)
{
	if (e->has_server)
		buf_fmt(arg, "[%s]", e->server);
	buf_fmt(arg, "%s|%s|%lld|%lld;", e->address.s, e->reason, (long long)e->since.ms,
		(long long)e->until.ms);
}

static void on_bad(size_t line, const char *why, void *arg)
{
	assert_true(why[0]);
	buf_fmt(arg, "!%zu;", line);
}

static const struct {
	const char *name, *text, *want;
	enum suppression_format format;
} lists[] = {
	{"nothing", "", "", SUPPRESSION_AUTO},
	{"a plain list", "a@b.test\nC@D.test\r\n\n# comment\ne@f.test",
	 "a@b.test||0|0;C@d.test||0|0;e@f.test||0|0;", SUPPRESSION_AUTO},
	{"with a BOM",
	 "\xef\xbb\xbf"
	 "a@b.test\n",
	 "a@b.test||0|0;", SUPPRESSION_AUTO},
	{"our own export",
	 "address,server,reason,created,until\r\n"
	 "\"a@b.test\",\"o/s\",\"said \"\"no\"\"\",\"2026-11-24T10:00:00.000Z\",\"\"\r\n",
	 "[o/s]a@b.test|said \"no\"|1795514400000|0;", SUPPRESSION_AUTO},
	{"our own export as JSON",
	 "{\"address\":\"a@b.test\",\"server\":\"o/s\",\"reason\":\"x\",\"created\":1443651125}\n"
	 "{\"address\":\"c@d.test\",\"server\":\"all servers\"}\n"
	 "{\"address\":\"e@f.test\"}\n",
	 "[o/s]a@b.test|x|1443651125000|0;[all servers]c@d.test||0|0;e@f.test||0|0;",
	 SUPPRESSION_AUTO},
	{"an empty server", "Server,email\n,a@b.test\n*,c@d.test\n",
	 "[]a@b.test||0|0;[*]c@d.test||0|0;", SUPPRESSION_AUTO},
	{"a server that cannot be one",
	 "server,email\no\033[2J/s,a@b.test\n"
	 "ooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo/"
	 "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss,c@d.test\n",
	 "!2;!3;", SUPPRESSION_AUTO},
	{"SendGrid: email, reason, status, created in seconds",
	 "email,reason,status,created\nx@y.test,550 no such user,5.1.1,1443651125\n",
	 "x@y.test|550 no such user|1443651125000|0;", SUPPRESSION_AUTO},
	{"Mailgun: times as in mail",
	 "address,code,error,created_at\nx@y.test,550,gone,\"Thu, 13 Oct 2011 18:02:00 GMT\"\n",
	 "x@y.test|gone|1318528920000|0;", SUPPRESSION_AUTO},
	{"a status where there is no reason", "Email Address,Status\nx@y.test,bounced\n",
	 "x@y.test|bounced|0|0;", SUPPRESSION_AUTO},
	{"a reason wins over a status before it", "type,email,reason\nspam,x@y.test,they said so\n",
	 "x@y.test|they said so|0|0;", SUPPRESSION_AUTO},
	{"dates without a zone", "email,created,until\nx@y.test,2026-11-24,2026-11-24 10:00:00\n",
	 "x@y.test||1795478400000|1795514400000;", SUPPRESSION_AUTO},
	{"milliseconds", "email,until\nx@y.test,1795514400000\n", "x@y.test||0|1795514400000;",
	 SUPPRESSION_AUTO},
	{"seconds with a fraction, as Postal's database has them",
	 "address,reason,timestamp,keep_until\nx@y.test,hard,1443651125.5,1795514400.123456\n",
	 "x@y.test|hard|1443651125500|1795514400123;", SUPPRESSION_AUTO},
	{"a date with UTC behind it", "email,until\nx@y.test,2026-11-24 10:00:00.25 UTC\n",
	 "x@y.test||0|1795514400250;", SUPPRESSION_AUTO},
	{"a number that is no time", "email,until\na@b.test,1.\nc@d.test,.5\ne@f.test,1.x\n",
	 "!2;!3;!4;", SUPPRESSION_AUTO},
	{"a line break in quotes", "email,reason\nx@y.test,\"two\nlines\"\nno\n",
	 "x@y.test|two lines|0|0;!4;", SUPPRESSION_AUTO},
	{"bad lines are told by number, the others read",
	 "a@b.test\nnobody\nc@d.test\n\"open\ne@f.test\n",
	 "a@b.test||0|0;!2;c@d.test||0|0;!4;"
	 "e@f.test||0|0;",
	 SUPPRESSION_CSV},
	{"a bad time", "email,created\nx@y.test,yesterday\n", "!2;", SUPPRESSION_AUTO},
	{"a row without the address", "reason,email\nwhy\n", "!2;", SUPPRESSION_AUTO},
	{"JSON strings", "[\"a@b.test\", \"c@d.test\"]", "a@b.test||0|0;c@d.test||0|0;",
	 SUPPRESSION_AUTO},
	{"JSON objects", "[{\"email\":\"a@b.test\",\"reason\":\"x\",\"created\":1443651125},{}, 7]",
	 "a@b.test|x|1443651125000|0;!2;!3;", SUPPRESSION_AUTO},
	{"JSON, an object a line",
	 "{\"address\":\"a@b.test\",\"until\":null}\n{bad\n\n"
	 "{\"address\":\"c@d.test\"}\n",
	 "a@b.test||0|0;!2;c@d.test||0|0;", SUPPRESSION_AUTO},
	{"JSON, a time with a fraction is a time",
	 "[{\"email\":\"a@b.test\",\"until\":1795514400.5}]", "a@b.test||0|1795514400500;",
	 SUPPRESSION_AUTO},
	{"JSON, a time that is none is not for ever", "[{\"email\":\"a@b.test\",\"until\":true}]",
	 "!1;", SUPPRESSION_AUTO},
	{"JSON, Postmark's answer",
	 "{\"Suppressions\":[{\"EmailAddress\":\"a@b.test\",\"SuppressionReason\":\"HardBounce\","
	 "\"Origin\":\"Recipient\",\"CreatedAt\":\"2019-12-10T07:58:41-05:00\"}]}",
	 "a@b.test|HardBounce|1575982721000|0;", SUPPRESSION_AUTO},
	{"JSON, an object around other things",
	 "{\"links\":[],\"results\":[\"a@b.test\"],\"total\":1}", "a@b.test||0|0;",
	 SUPPRESSION_AUTO},
	{"JSON, an object around nothing", "{\"paging\":{}}", "!1;", SUPPRESSION_AUTO},
	{"JSON that ends early", "[\"a@b.test\",", "!1;", SUPPRESSION_JSON},
};

static void test_lists(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct buf got;
		struct suppression_sink sink = {on_entry, on_bad, &got};

		buf_init(&got, 65536);
		suppression_read(span_str(lists[i].text), lists[i].format, &sink);
		if (!span_eq_str(buf_span(&got), lists[i].want))
			fail_msg("%s: %.*s instead of %s", lists[i].name, SPAN_FMT(buf_span(&got)),
				 lists[i].want);
		buf_done(&got);
	}
}

static void count_bad(size_t line, const char *why, void *arg)
{
	(void)line;
	(void)why;
	++*(size_t *)arg;
}

static void no_entry(const struct suppression_entry *e, void *arg)
{
	(void)e;
	(void)arg;
	fail();
}

static void test_too_many_columns_and_endless_fields_are_bad(void **state UNUSED)
{
	size_t bad = 0;
	struct suppression_sink sink = {no_entry, count_bad, &bad};
	struct buf text;

	buf_init(&text, 1 << 20);
	for (int i = 0; i < 1000; i++)
		buf_str(&text, "x,");
	buf_byte(&text, '\n');
	for (int i = 0; i < 100000; i++)
		buf_byte(&text, 'y');
	suppression_read(buf_span(&text), SUPPRESSION_CSV, &sink);
	assert_int_equal(bad, 2);
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_too_many_columns_and_endless_fields_are_bad),
	};

	return cmocka_run_group_tests_name("suppression_read", tests, NULL, NULL);
}
