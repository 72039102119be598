/*
 * sendmail_message_test.c - what programs write to sendmail, and what is submitted.
 */
#include "ctl/sendmail_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct {
	const char *in, *out;
	bool dot_ends;
} lines[] = {
	{"", "", false},
	{"a\nb", "a\r\nb\r\n", false},
	{"a\r\nb\r\n", "a\r\nb\r\n", false},
	{"a\n.\nb\n", "a\r\n.\r\nb\r\n", false},
	{"a\n.\nb\n", "a\r\n", true},
	{"a\n..\nb\n", "a\r\n..\r\nb\r\n", true},
	{"From bob Tue Nov 24\nTo: x\n", "To: x\r\n", false},
	{"To: x\nFrom bob\n", "To: x\r\nFrom bob\r\n", false},
};

static void test_lines(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct buf out;

		buf_init(&out, 4096);
		assert_true(sendmail_lines(span_str(lines[i].in), lines[i].dot_ends, &out));
		if (!span_eq_str(buf_span(&out), lines[i].out))
			fail_msg("%s: %.*s", lines[i].in, SPAN_FMT(buf_span(&out)));
		buf_done(&out);
	}
	assert_false(sendmail_lines(SPAN_LIT("a\0b"), false, NULL));
}

static const struct {
	const char *text, *rcpts; /* NULL: refused */
} lists[] = {
	{"bob", "bob@mail.test "},
	{"bob@x.test", "bob@x.test "},
	{"Bob <bob>", "bob@mail.test "},
	{"\"Last, First\" <a@x.test>, b@x.test", "a@x.test b@x.test "},
	{"a@x.test (the, one), (x) b", "a@x.test b@mail.test "},
	{"a@x.test, A@X.TEST", "a@x.test "},
	{"friends: a@x.test, b@x.test;, c", "a@x.test b@x.test c@mail.test "},
	{"\"odd name\"@x.test", "\"odd name\"@x.test "},
	{"root (Cron Daemon)", "root@mail.test "},
	{" , a@x.test, ,", "a@x.test "},
	{"", NULL},
	{"undisclosed:;", NULL},
	{"a b", NULL},
	{"<a@x.test", "a@x.test "},
	{"a@@x.test", NULL},
};

static void test_address_lists(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct sendmail_rcpts r = {.n = 0};
		struct buf got;
		int err = sendmail_rcpt_add(&r, span_str(lists[i].text), "mail.test");

		buf_init(&got, 4096);
		for (size_t k = 0; k < r.n; k++)
			buf_fmt(&got, "%s ", r.list[k].s);
		if ((err == 0) != (lists[i].rcpts != NULL) ||
		    (!err && !span_eq_str(buf_span(&got), lists[i].rcpts)))
			fail_msg("%s: %d %.*s", lists[i].text, err, SPAN_FMT(buf_span(&got)));
		mem_free(r.list);
		buf_done(&got);
	}
}

static const struct {
	const char *in, *out, *rcpts;
	bool from_header;
} messages[] = {
	{"From: a@x.test\r\nTo: b@x.test\r\n\r\nhi\r\n",
	 "From: a@x.test\r\nTo: b@x.test\r\n\r\nhi\r\n", "", false},
	{"From: a\r\nTo: b, C <c>,\r\n d@x.test\r\nBcc: e\r\n\r\n",
	 "From: a@mail.test\r\nTo: b@mail.test, C <c@mail.test>,\r\n d@x.test\r\n\r\n",
	 "b@mail.test c@mail.test d@x.test e@mail.test ", true},
	{"Bcc: e@x.test\r\nFrom: a@x.test\r\n\r\n", "Bcc: e@x.test\r\nFrom: a@x.test\r\n\r\n", "",
	 false},
	{"just text\r\n", "From: \"Me\" <me@mail.test>\r\n\r\njust text\r\n", "", false},
	{"Subject: x\r\nno field\r\n",
	 "From: \"Me\" <me@mail.test>\r\nSubject: x\r\n\r\nno field\r\n", "", false},
	{"From: a@x.test\r\nTo: no@x.test\r\nResent-To: yes@x.test\r\n\r\n",
	 "From: a@x.test\r\nTo: no@x.test\r\nResent-To: yes@x.test\r\n\r\n", "yes@x.test ", true},
	{"", "From: \"Me\" <me@mail.test>\r\n\r\n", "", false},
};

static void test_messages(void **state UNUSED)
{
	struct sendmail_facts facts = {.mailname = "mail.test", .from_name = "M\"e"};

	assert_int_equal(addr_parse(SPAN_LIT("me@mail.test"), &facts.sender), 0);
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		struct sendmail_rcpts r = {.n = 0};
		struct buf out, got;

		buf_init(&out, 65536);
		buf_init(&got, 65536);
		facts.from_header = messages[i].from_header;
		assert_null(sendmail_message(span_str(messages[i].in), &facts, &out, &r));
		for (size_t k = 0; k < r.n; k++)
			buf_fmt(&got, "%s ", r.list[k].s);
		if (!span_eq_str(buf_span(&out), messages[i].out) ||
		    !span_eq_str(buf_span(&got), messages[i].rcpts))
			fail_msg("%zu: %.*s for %.*s", i, SPAN_FMT(buf_span(&out)),
				 SPAN_FMT(buf_span(&got)));
		mem_free(r.list);
		buf_done(&out);
		buf_done(&got);
	}
}

static const struct {
	const char *name, *from;
} names[] = {
	{"", "From: <me@mail.test>\r\n"},
	{"A \\\"quoted\" N\001ame\177", "From: \"A quoted Name\" <me@mail.test>\r\n"},
	{"\001", "From: <me@mail.test>\r\n"},
	{"Jos\303\251 Garc\303\255a",
	 "From: =?UTF-8?B?Sm9zw6kgR2FyY8OtYQ==?=\r\n <me@mail.test>\r\n"},
	/* Latin-1 */
	{"Jos\351", "From: =?UTF-8?B?Sm9z77+9?=\r\n <me@mail.test>\r\n"},
	/* 41 bytes, and a character of two that would end behind 42 */
	{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\303\251b",
	 "From: =?UTF-8?B?YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=?=\r\n"
	 " =?UTF-8?B?w6li?=\r\n <me@mail.test>\r\n"},
	/* 42 bytes */
	{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\303\251",
	 "From: =?UTF-8?B?YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYcOp?=\r\n"
	 " <me@mail.test>\r\n"},
};

static void test_names(void **state UNUSED)
{
	struct sendmail_facts facts = {.mailname = "mail.test"};
	struct sendmail_rcpts r = {.n = 0};

	assert_int_equal(addr_parse(SPAN_LIT("me@mail.test"), &facts.sender), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct buf out;

		buf_init(&out, 65536);
		facts.from_name = names[i].name;
		assert_null(sendmail_message(SPAN_LIT("\r\n"), &facts, &out, &r));
		buf_byte(&out, '\0');
		assert_int_equal(strncmp((const char *)out.p, names[i].from, strlen(names[i].from)),
				 0);
		assert_string_equal((const char *)out.p + strlen(names[i].from), "\r\n");
		buf_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_address_lists),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("sendmail_message", tests, NULL, NULL);
}
