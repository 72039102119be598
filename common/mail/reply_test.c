#include "common/mail/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

#include "common/buf.h"

static const struct {
	const char *name;
	struct span in;
	enum reply_status at;
	enum reply_error error;
	size_t left; /* bytes not taken */
	uint16_t code;
	const char *status;
	struct span text;
	uint16_t lines;
	bool bare_lf;
} cases[] = {
	{"one line", SPAN_LIT("250 ok\r\n"), REPLY_DONE, 0, 0, 250, "", SPAN_LIT("ok"), 1, false},
	{"it stops after one reply", SPAN_LIT("250 ok\r\n354 go\r\n"), REPLY_DONE, 0, 8, 250, "",
	 SPAN_LIT("ok"), 1, false},
	{"a bare code", SPAN_LIT("250\r\n"), REPLY_DONE, 0, 0, 250, "", SPAN_LIT(""), 1, false},
	{"a code and a blank", SPAN_LIT("250 \r\n"), REPLY_DONE, 0, 0, 250, "", SPAN_LIT(""), 1,
	 false},
	{"several lines", SPAN_LIT("250-mx\r\n250-SIZE 1\r\n250 X\r\n"), REPLY_DONE, 0, 0, 250, "",
	 SPAN_LIT("mx\nSIZE 1\nX"), 3, false},
	{"a bare code last, then more", SPAN_LIT("550-no\r\n550\r\n250 x\r\n"), REPLY_DONE, 0, 7,
	 550, "", SPAN_LIT("no\n"), 2, false},
	{"empty lines", SPAN_LIT("250-\r\n250-\r\n250 \r\n"), REPLY_DONE, 0, 0, 250, "",
	 SPAN_LIT("\n\n"), 3, false},
	{"a line that ends in LF", SPAN_LIT("250-a\n250 b\r\n"), REPLY_DONE, 0, 0, 250, "",
	 SPAN_LIT("a\nb"), 2, true},
	{"a bare code with LF", SPAN_LIT("250\n"), REPLY_DONE, 0, 0, 250, "", SPAN_LIT(""), 1,
	 true},
	{"a bare CR is text", SPAN_LIT("250 a\rb\r\r\n"), REPLY_DONE, 0, 0, 250, "",
	 SPAN_LIT("a\rb\r"), 1, false},
	{"NUL and ESC are text", SPAN_LIT("550 a\0\033[1m\r\n"), REPLY_DONE, 0, 0, 550, "",
	 SPAN_LIT("a\0\033[1m"), 1, false},
	{"a status code", SPAN_LIT("550 5.1.1 no\r\n"), REPLY_DONE, 0, 0, 550, "5.1.1",
	 SPAN_LIT("5.1.1 no"), 1, false},
	{"a status code alone", SPAN_LIT("250 2.0.0\r\n"), REPLY_DONE, 0, 0, 250, "2.0.0",
	 SPAN_LIT("2.0.0"), 1, false},
	{"long numbers", SPAN_LIT("450 4.999.999 x\r\n"), REPLY_DONE, 0, 0, 450, "4.999.999",
	 SPAN_LIT("4.999.999 x"), 1, false},
	{"the first status code counts", SPAN_LIT("550-x\r\n550-5.7.1 a\r\n550 5.1.1 b\r\n"),
	 REPLY_DONE, 0, 0, 550, "5.7.1", SPAN_LIT("x\n5.7.1 a\n5.1.1 b"), 3, false},
	{"another class is no status", SPAN_LIT("550 4.1.1 x\r\n"), REPLY_DONE, 0, 0, 550, "",
	 SPAN_LIT("4.1.1 x"), 1, false},
	{"there is no class 3", SPAN_LIT("354 3.0.0 x\r\n"), REPLY_DONE, 0, 0, 354, "",
	 SPAN_LIT("3.0.0 x"), 1, false},
	{"four digits are no status", SPAN_LIT("550 5.1.1000 x\r\n"), REPLY_DONE, 0, 0, 550, "",
	 SPAN_LIT("5.1.1000 x"), 1, false},
	{"a leading zero is no status", SPAN_LIT("550 5.01.1 x\r\n"), REPLY_DONE, 0, 0, 550, "",
	 SPAN_LIT("5.01.1 x"), 1, false},
	{"an IP address is no status", SPAN_LIT("550 5.1.1.2 x\r\n"), REPLY_DONE, 0, 0, 550, "",
	 SPAN_LIT("5.1.1.2 x"), 1, false},
	{"half a status is none", SPAN_LIT("550 5.1. x\r\n"), REPLY_DONE, 0, 0, 550, "",
	 SPAN_LIT("5.1. x"), 1, false},
	{"a line without end", SPAN_LIT("250 ok\r"), REPLY_MORE, 0, 0, 250, "", SPAN_LIT("ok"), 0,
	 false},
	{"nothing", SPAN_LIT(""), REPLY_MORE, 0, 0, 0, "", SPAN_LIT(""), 0, false},
	{"a letter", SPAN_LIT("2a0 ok\r\n"), REPLY_ERROR, REPLY_ERR_CODE, 6, 0, "", SPAN_LIT(""), 0,
	 false},
	{"two digits", SPAN_LIT("99 x\r\n"), REPLY_ERROR, REPLY_ERR_CODE, 5, 0, "", SPAN_LIT(""), 0,
	 false},
	{"a code below 200", SPAN_LIT("199 x\r\n"), REPLY_ERROR, REPLY_ERR_CODE, 6, 0, "",
	 SPAN_LIT(""), 0, false},
	{"a code above 599", SPAN_LIT("600 x\r\n"), REPLY_ERROR, REPLY_ERR_CODE, 6, 0, "",
	 SPAN_LIT(""), 0, false},
	{"four digits", SPAN_LIT("2500\r\n"), REPLY_ERROR, REPLY_ERR_SEPARATOR, 2, 250, "",
	 SPAN_LIT(""), 0, false},
	{"a tab", SPAN_LIT("250\tok\r\n"), REPLY_ERROR, REPLY_ERR_SEPARATOR, 4, 250, "",
	 SPAN_LIT(""), 0, false},
	{"a bare CR after the code", SPAN_LIT("250\rok\r\n"), REPLY_ERROR, REPLY_ERR_SEPARATOR, 3,
	 250, "", SPAN_LIT(""), 0, false},
	{"an empty line", SPAN_LIT("\r\n250 ok\r\n"), REPLY_ERROR, REPLY_ERR_CODE, 8, 0, "",
	 SPAN_LIT(""), 0, false},
	{"an empty line of LF", SPAN_LIT("\n250 ok\r\n"), REPLY_ERROR, REPLY_ERR_CODE, 8, 0, "",
	 SPAN_LIT(""), 0, false},
	{"two codes", SPAN_LIT("250-a\r\n251 b\r\n"), REPLY_ERROR, REPLY_ERR_MIXED, 4, 250, "",
	 SPAN_LIT("a"), 1, false},
	{"a line without code", SPAN_LIT("250-a\r\nb\r\n"), REPLY_ERROR, REPLY_ERR_CODE, 2, 250, "",
	 SPAN_LIT("a"), 1, false},
	{"a NUL in the code", SPAN_LIT("2\0000 a\r\n"), REPLY_ERROR, REPLY_ERR_CODE, 5, 0, "",
	 SPAN_LIT(""), 0, false},
};

static size_t feed(struct reply_reader *r, struct span in, size_t size)
{
	size_t used = 1;

	while (in.n && used && r->at == REPLY_MORE) {
		if (reply_feed(r, span_head(in, size), &used) == REPLY_MORE)
			assert_int_equal(used, size_min(size, in.n));
		in = span_from(in, used);
	}
	return in.n;
}

static void check(size_t i, size_t size)
{
	struct reply_reader r;
	size_t left;

	reply_init(&r);
	left = feed(&r, cases[i].in, size);
	if (r.at != cases[i].at || r.error != cases[i].error || left != cases[i].left)
		fail_msg("%s, by %zu: status %d, error %d, left %zu", cases[i].name, size,
			 (int)r.at, (int)r.error, left);
	if (r.reply.code != cases[i].code || strcmp(r.reply.status, cases[i].status))
		fail_msg("%s: code %d, status %s", cases[i].name, r.reply.code, r.reply.status);
	if (!span_eq(reply_text(&r.reply), cases[i].text) || r.reply.lines != cases[i].lines)
		fail_msg("%s: %d lines, \"%s\"", cases[i].name, r.reply.lines, r.reply.text);
	assert_int_equal(r.reply.bare_lf, cases[i].bare_lf);
	assert_false(r.reply.cut);
	assert_int_equal(r.reply.text[r.reply.text_n], 0);
}

static void test_replies(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t size = 1; size <= cases[i].in.n + 1; size++)
			check(i, size);
}

static void test_replies_follow_each_other(void **state UNUSED)
{
	struct span in = SPAN_LIT("250-a\r\n250 5.b\r\n550 5.1.1 x\r\nhello\r\n");
	struct reply_reader r;
	size_t used;

	reply_init(&r);
	assert_true(reply_idle(&r));
	assert_int_equal(reply_feed(&r, span_head(in, 3), &used), REPLY_MORE);
	assert_false(reply_idle(&r));
	in = span_from(in, used);
	assert_int_equal(reply_feed(&r, in, &used), REPLY_DONE);
	assert_true(reply_idle(&r));
	in = span_from(in, used);
	assert_int_equal(reply_feed(&r, span_head(in, 0), &used), REPLY_DONE);
	assert_int_equal(r.reply.lines, 2);
	assert_int_equal(reply_feed(&r, in, &used), REPLY_DONE);
	assert_int_equal(r.reply.code, 550);
	assert_string_equal(r.reply.status, "5.1.1");
	in = span_from(in, used);
	for (int i = 0; i < 2; i++) { /* the error sticks */
		assert_int_equal(reply_feed(&r, in, &used), REPLY_ERROR);
		assert_int_equal(used, i ? 0 : 1);
	}
}

static void test_lines_of_text(void **state UNUSED)
{
	static const char *const want[] = {"mx", "", "PIPELINING", ""};
	struct reply_reader r;
	struct reply_lines it;
	struct span line;
	size_t used, n = 0;

	reply_init(&r);
	it = reply_lines(&r.reply);
	assert_false(reply_line(&it, &line));
	assert_int_equal(
		reply_feed(&r, SPAN_LIT("250-mx\r\n250-\r\n250-PIPELINING\r\n250\r\n"), &used),
		REPLY_DONE);
	it = reply_lines(&r.reply);
	while (reply_line(&it, &line))
		assert_true(span_eq_str(line, want[n++]));
	assert_int_equal(n, 4);
}

/* A reply of so many lines with so many bytes of text each. */
static void make(struct buf *b, size_t lines, size_t text)
{
	buf_init(b, 1 << 22);
	for (size_t i = 0; i < lines; i++) {
		buf_str(b, i + 1 < lines ? "250-" : "250 ");
		for (size_t k = 0; k < text; k++)
			buf_byte(b, (uint8_t)('a' + i % 26));
		buf_str(b, "\r\n");
	}
}

static const struct {
	const char *name;
	size_t lines, text;
	enum reply_error error;
	size_t text_n;
	bool cut;
} sizes[] = {
	{"a line of 2048 bytes", 1, LIMIT_REPLY_LINE - 6, 0, LIMIT_REPLY_LINE - 6, false},
	{"a longer line is cut", 1, LIMIT_REPLY_LINE - 5, 0, LIMIT_REPLY_LINE - 6, true},
	{"every long line is cut", 2, 3000, 0, 2 * (LIMIT_REPLY_LINE - 6) + 1, true},
	{"100 lines", LIMIT_REPLY_LINES, 3, 0, LIMIT_REPLY_LINES * 4 - 1, false},
	{"101 lines", LIMIT_REPLY_LINES + 1, 3, REPLY_ERR_LINES, LIMIT_REPLY_LINES * 4 - 1, false},
	{"text is cut as a whole", 3, 2000, 0, LIMIT_REPLY_TEXT, true},
	{"64 kB", 1, REPLY_SIZE_MAX - 6, 0, LIMIT_REPLY_LINE - 6, true},
	{"a byte more", 1, REPLY_SIZE_MAX - 5, REPLY_ERR_SIZE, LIMIT_REPLY_LINE - 6, true},
	{"a line without end", 1, 1 << 21, REPLY_ERR_SIZE, LIMIT_REPLY_LINE - 6, true},
};

static void test_sizes(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct reply_reader r;
		struct buf in;

		make(&in, sizes[i].lines, sizes[i].text);
		reply_init(&r);
		feed(&r, buf_span(&in), 1000);
		if (r.error != sizes[i].error || r.reply.text_n != sizes[i].text_n ||
		    r.reply.cut != sizes[i].cut)
			fail_msg("%s: error %d, text_n %zu, cut %d", sizes[i].name, (int)r.error,
				 r.reply.text_n, r.reply.cut);
		assert_int_equal(r.at, sizes[i].error ? REPLY_ERROR : REPLY_DONE);
		buf_done(&in);
	}
}

static void test_every_error_has_a_sentence(void **state UNUSED)
{
	for (int i = REPLY_ERR_NONE; i <= REPLY_ERR_SIZE; i++)
		assert_non_null(reply_error((enum reply_error)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_replies_follow_each_other),
		cmocka_unit_test(test_lines_of_text),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_every_error_has_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
