#include "ctl/sandbox_conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/conf/conf.h"

static const struct {
	const char *name;
	const char *before;
	const char *value;
	const char *after;
} sets[] = {
	{"a new key goes to the end", "a = 1\n", "x", "a = 1\nk = x\n"},
	{"a missing last line end is added", "a = 1", "x", "a = 1\nk = x\n"},
	{"an empty file", "", "x", "k = x\n"},
	{"an old value is replaced where it stands", "a = 1\nk = y\nb = 2\n", "x",
	 "a = 1\nk = x\nb = 2\n"},
	{"blanks around the key do not hide it", "k\t=y\n", "x", "k = x\n"},
	{"lines that continue the value go with it", "k = y\n  z\n\tw\nb = 2\n", "x",
	 "k = x\nb = 2\n"},
	{"an indented comment inside a value goes with it", "k = y\n  # why\n  z\nb = 2\n", "x",
	 "k = x\nb = 2\n"},
	{"a blank line ends the value", "k = y\n  \n# c\nb = 2\n", "x", "k = x\n  \n# c\nb = 2\n"},
	{"taken out", "a = 1\nk = y\n z\nb = 2\n", "", "a = 1\nb = 2\n"},
	{"taken out where it is not", "a = 1\n", "", "a = 1\n"},
	{"a comment is no key", "# k = y\n", "", "# k = y\n"},
	{"a longer key is another one", "kk = y\nk.k = z\n", "", "kk = y\nk.k = z\n"},
	{"a continued word is no key", "a = 1\n k = y\n", "", "a = 1\n k = y\n"},
	{"set twice becomes once", "k = y\nb = 2\nk = z\n", "x", "k = x\nb = 2\n"},
	{"CRLF line ends of others are kept", "a = 1\r\nk = y\r\n z\r\nb = 2\r\n", "x",
	 "a = 1\r\nk = x\nb = 2\r\n"},
};

static void test_set(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		struct buf out;

		print_message("%s\n", sets[i].name);
		buf_init(&out, 4096);
		sandbox_conf_set(span_str(sets[i].before), "k", span_str(sets[i].value), &out);
		buf_byte(&out, '\0');
		assert_string_equal((const char *)out.p, sets[i].after);
		buf_done(&out);
	}
}

static void test_texts_are_read(void **state)
{
	static const uint16_t port[SANDBOX_PORTS] = {20001, 20002, 20003, 20004};
	char error[CONF_ERROR_SIZE] = "";
	struct conf *c = NULL;
	struct buf text, set;

	(void)state;
	buf_init(&text, 65536);
	buf_init(&set, 65536);
	sandbox_conf_text(port, &text);
	sandbox_conf_set(buf_span(&text), "deliver.relay", SPAN_LIT("192.0.2.1:25"), &set);
	if (conf_parse("posthaste.conf", buf_span(&set), &c, error) != 0)
		fail_msg("%s", error);
	assert_string_equal(c->listen_submission.at[0].text, "127.0.0.1:20001");
	assert_string_equal(c->listen_submissions.at[0].text, "127.0.0.1:20002");
	assert_string_equal(c->listen_mx.at[0].text, "127.0.0.1:20003");
	assert_string_equal(c->sink_listen.at[0].text, "127.0.0.1:20004");
	assert_int_equal(c->deliver_port, 20004);
	assert_false(c->deliver_networks.is_public);
	assert_string_equal(c->deliver_relay.host, "192.0.2.1");
	conf_free(&c);
	buf_reset(&text);
	sandbox_conf_set(buf_span(&set), "deliver.relay", (struct span){0}, &text);
	if (conf_parse("posthaste.conf", buf_span(&text), &c, error) != 0)
		fail_msg("%s", error);
	assert_string_equal(c->deliver_relay.host, "");
	conf_free(&c);
	buf_done(&text);
	buf_done(&set);
}

static const struct {
	const char *text;
	bool hostport, route;
} words[] = {
	{"127.0.0.1:25", true, false},
	{"mail.example.com:2525", true, false},
	{"[::1]:25", true, false},
	{"127.0.0.1", false, false},
	{"127.0.0.1:", false, false},
	{":25", false, false},
	{"a:0", false, false},
	{"a:65536", false, false},
	{"a:2x", false, false},
	{"a b:25", false, false},
	{"a\n:25", false, false},
	{"a#:25", false, false},
	{"\"a:25", false, false},
	{"", false, false},
	{"a.test=127.0.0.1:25", false, true},
	{"a.test=[::1]:25", false, true},
	{"=127.0.0.1:25", false, false},
	{"a.test=127.0.0.1", false, false},
	{"a_b.test=h:25", false, false},
	{"a.test=b.test=h:25", false, false},
};

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		print_message("%s\n", words[i].text);
		assert_int_equal(sandbox_is_hostport(span_str(words[i].text)), words[i].hostport);
		assert_int_equal(sandbox_is_route(span_str(words[i].text)), words[i].route);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_texts_are_read),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
