#include "common/mail/dots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

static const struct {
	const char *name;
	struct span in;
	struct span strict; /* what comes out */
	struct span repair;
	long used; /* bytes up to the end; -1: no end */
	unsigned flags;
	size_t line_max;
} cases[] = {
	{"an empty message", SPAN_LIT(".\r\nQUIT\r\n"), SPAN_LIT(""), SPAN_LIT(""), 3, 0, 0},
	{"the CRLF before the dot belongs to the message", SPAN_LIT("a\r\n.\r\n"),
	 SPAN_LIT("a\r\n"), SPAN_LIT("a\r\n"), 6, 0, 1},
	{"what follows stays with the caller", SPAN_LIT("a\r\n.\r\n.\r\n"), SPAN_LIT("a\r\n"),
	 SPAN_LIT("a\r\n"), 6, 0, 1},
	{"one dot is dropped", SPAN_LIT("..\r\n...a\r\n.b\r\n.\r\n"), SPAN_LIT(".\r\n..a\r\nb\r\n"),
	 SPAN_LIT(".\r\n..a\r\nb\r\n"), 17, 0, 3},
	{"a dot within a line is text", SPAN_LIT("a.\r\nb\r\n.\r\n"), SPAN_LIT("a.\r\nb\r\n"),
	 SPAN_LIT("a.\r\nb\r\n"), 10, 0, 2},
	{"the end may still come", SPAN_LIT("a\r\n.\r"), SPAN_LIT("a\r\n"), SPAN_LIT("a\r\n"), -1,
	 0, 1},
	{"8-bit and NUL are kept", SPAN_LIT("\xff\0b\r\n.\r\n"), SPAN_LIT("\xff\0b\r\n"),
	 SPAN_LIT("\xff\0b\r\n"), 8, DOTS_8BIT | DOTS_NUL, 3},
	{"CR CRLF . CRLF ends and is flagged", SPAN_LIT("a\r\r\n.\r\n"), SPAN_LIT("a\r\r\n"),
	 SPAN_LIT("a\r\r\n"), 7, DOTS_BARE_CR, 2},
	/* the look-alikes of the end */
	{"LF . CRLF", SPAN_LIT("a\n.\r\nb"), SPAN_LIT("a\n.\r\nb"), SPAN_LIT("a\r\n.\r\nb"), -1,
	 DOTS_BARE_LF, 1},
	{"LF . LF", SPAN_LIT("a\n.\nb"), SPAN_LIT("a\n.\nb"), SPAN_LIT("a\r\n.\r\nb"), -1,
	 DOTS_BARE_LF, 1},
	{"CR . CRLF", SPAN_LIT("a\r.\r\nb"), SPAN_LIT("a\r.\r\nb"), SPAN_LIT("a\r.\r\nb"), -1,
	 DOTS_BARE_CR, 3},
	{"CR . CR", SPAN_LIT("a\r.\rb"), SPAN_LIT("a\r.\rb"), SPAN_LIT("a\r.\rb"), -1, DOTS_BARE_CR,
	 5},
	{"CRLF . CR", SPAN_LIT("a\r\n.\rb"), SPAN_LIT("a\r\n\rb"), SPAN_LIT("a\r\n\rb"), -1,
	 DOTS_BARE_CR, 2},
	{"CRLF . LF", SPAN_LIT("a\r\n.\nb"), SPAN_LIT("a\r\n\nb"), SPAN_LIT("a\r\n\r\nb"), -1,
	 DOTS_BARE_LF, 1},
	{"CRLF NUL . CRLF", SPAN_LIT("a\r\n\0.\r\nb"), SPAN_LIT("a\r\n\0.\r\nb"),
	 SPAN_LIT("a\r\n\0.\r\nb"), -1, DOTS_NUL, 2},
	{"CR CRLF . CR CRLF", SPAN_LIT("a\r\r\n.\r\r\nb"), SPAN_LIT("a\r\r\n\r\r\nb"),
	 SPAN_LIT("a\r\r\n\r\r\nb"), -1, DOTS_BARE_CR, 2},
	{"CRLF . CR CRLF", SPAN_LIT("a\r\n.\r\r\nb"), SPAN_LIT("a\r\n\r\r\nb"),
	 SPAN_LIT("a\r\n\r\r\nb"), -1, DOTS_BARE_CR, 1},
	{"CRLF . SP CRLF", SPAN_LIT("a\r\n. \r\nb"), SPAN_LIT("a\r\n \r\nb"),
	 SPAN_LIT("a\r\n \r\nb"), -1, 0, 1},
	{"VT . CRLF", SPAN_LIT("a\v.\r\nb"), SPAN_LIT("a\v.\r\nb"), SPAN_LIT("a\v.\r\nb"), -1, 0,
	 3},
	{"FF . CRLF", SPAN_LIT("a\f.\r\nb"), SPAN_LIT("a\f.\r\nb"), SPAN_LIT("a\f.\r\nb"), -1, 0,
	 3},
	{"NEL . CRLF", SPAN_LIT("a\x85.\r\nb"), SPAN_LIT("a\x85.\r\nb"), SPAN_LIT("a\x85.\r\nb"),
	 -1, DOTS_8BIT, 3},
	{"LS . CRLF", SPAN_LIT("a\xe2\x80\xa8.\r\n"), SPAN_LIT("a\xe2\x80\xa8.\r\n"),
	 SPAN_LIT("a\xe2\x80\xa8.\r\n"), -1, DOTS_8BIT, 5},
	{"LF . CRLF as the first bytes", SPAN_LIT("\n.\r\nb"), SPAN_LIT("\n.\r\nb"),
	 SPAN_LIT("\r\n.\r\nb"), -1, DOTS_BARE_LF, 1},
	/* near them */
	{"CRLF . . CRLF", SPAN_LIT("\r\n..\r\n"), SPAN_LIT("\r\n.\r\n"), SPAN_LIT("\r\n.\r\n"), -1,
	 0, 1},
	{"LF CRLF . CRLF ends", SPAN_LIT("\n\r\n.\r\n"), SPAN_LIT("\n\r\n"), SPAN_LIT("\r\n\r\n"),
	 6, DOTS_BARE_LF, 0},
	{"CRLF . CR . CRLF", SPAN_LIT("\r\n.\r.\r\n"), SPAN_LIT("\r\n\r.\r\n"),
	 SPAN_LIT("\r\n\r.\r\n"), -1, DOTS_BARE_CR, 2},
	{"CRLF . CR CRLF . CRLF ends at the second dot", SPAN_LIT("\r\n.\r\r\n.\r\nX"),
	 SPAN_LIT("\r\n\r\r\n"), SPAN_LIT("\r\n\r\r\n"), 9, DOTS_BARE_CR, 1},
	{"dots after a bare LF are not dropped", SPAN_LIT("\n..a\r\n"), SPAN_LIT("\n..a\r\n"),
	 SPAN_LIT("\r\n..a\r\n"), -1, DOTS_BARE_LF, 3},
};

/* Reads in pieces of the given size; returns the bytes used, -1 without an end. */
static long read_all(struct dots *d, struct span in, size_t size, struct buf *out)
{
	size_t used = 0;

	while (used < in.n && !dots_ended(d)) {
		struct span piece, chunk = span_head(span_from(in, used), size);

		while (chunk.n && !dots_ended(d)) {
			size_t n = dots_read(d, chunk, &piece);

			assert_true(n <= chunk.n);
			buf_add(out, piece);
			chunk = span_from(chunk, n);
			used += n;
		}
	}
	assert_int_equal(d->bytes, out->n);
	return dots_ended(d) ? (long)used : -1;
}

static void check(size_t i, enum dots_policy policy, size_t size)
{
	struct span want = policy == DOTS_STRICT ? cases[i].strict : cases[i].repair;
	struct dots d;
	struct buf out;
	long used;

	dots_init(&d, policy);
	buf_init(&out, 1000);
	used = read_all(&d, cases[i].in, size, &out);
	if (used != cases[i].used || !span_eq(buf_span(&out), want) || d.flags != cases[i].flags)
		fail_msg("%s, policy %d, by %zu: used %ld, flags %u, \"%.*s\"", cases[i].name,
			 (int)policy, size, used, d.flags, SPAN_FMT(out));
	if (policy == DOTS_STRICT && d.line_max != cases[i].line_max)
		fail_msg("%s: line_max %zu", cases[i].name, d.line_max);
	buf_done(&out);
}

static void test_reader(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t size = 1; size <= cases[i].in.n; size++) {
			check(i, DOTS_STRICT, size);
			check(i, DOTS_REPAIR_LF, size);
		}
	}
}

/* All strings of the six bytes that matter, up to seven of them: an end is where CRLF.CRLF is. */
static void test_every_short_string(void **state UNUSED)
{
	static const char bytes[] = {'\r', '\n', '.', 'a', '\0'};
	enum { N = sizeof(bytes), LEN = 7 };
	size_t total = 1;

	for (int i = 0; i < LEN; i++)
		total *= N;
	for (size_t k = 0; k < 2 * total; k++) {
		uint8_t in[LEN + 2] = "\r\n";
		struct span all = span_of(in, sizeof(in)), piece;
		size_t left = k / 2, end = 0;
		struct dots d;

		for (size_t i = 2; i < sizeof(in); i++, left /= N)
			in[i] = (uint8_t)bytes[left % N];
		const uint8_t *at = memmem(in, sizeof(in), "\r\n.\r\n", 5);
		end = at ? (size_t)(at - in) + 5 : 0;
		dots_init(&d, k % 2 ? DOTS_REPAIR_LF : DOTS_STRICT);
		struct span rest = span_from(all, 2);
		while (rest.n && !dots_ended(&d))
			rest = span_from(rest, dots_read(&d, rest, &piece));
		assert_int_equal(dots_ended(&d), end != 0);
		if (end)
			assert_int_equal(rest.n, sizeof(in) - end);
	}
}

/* Chunks: everything is text. */
static const struct {
	const char *name;
	struct span in;
	struct span want; /* with repaired line ends */
	unsigned flags;
} chunks[] = {
	{"nothing", SPAN_LIT(""), SPAN_LIT(""), 0},
	{"a line", SPAN_LIT("a\r\n"), SPAN_LIT("a\r\n"), 0},
	{"a line without its end gets one", SPAN_LIT("a\r\nb"), SPAN_LIT("a\r\nb\r\n"), 0},
	{"dots are text", SPAN_LIT(".\r\n..\r\n.a\r\n\r\n.\r\nb\r\n"),
	 SPAN_LIT(".\r\n..\r\n.a\r\n\r\n.\r\nb\r\n"), 0},
	{"a lone dot is a line without its end", SPAN_LIT("."), SPAN_LIT(".\r\n"), 0},
	{"a bare LF", SPAN_LIT("a\n.\nb"), SPAN_LIT("a\r\n.\r\nb\r\n"), DOTS_BARE_LF},
	{"a bare LF at the end is its line's end", SPAN_LIT("a\n"), SPAN_LIT("a\r\n"),
	 DOTS_BARE_LF},
	{"a bare LF alone", SPAN_LIT("\n"), SPAN_LIT("\r\n"), DOTS_BARE_LF},
	{"a bare CR", SPAN_LIT("a\r.\rb\r\n"), SPAN_LIT("a\r.\rb\r\n"), DOTS_BARE_CR},
	{"a CR at the end is a bare one", SPAN_LIT("a\r"), SPAN_LIT("a\r\r\n"), DOTS_BARE_CR},
	{"NUL and 8-bit", SPAN_LIT("\0\xff\r\n"), SPAN_LIT("\0\xff\r\n"), DOTS_NUL | DOTS_8BIT},
};

static void test_chunks(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
		for (size_t size = 1; size <= chunks[i].in.n + 1; size++) {
			struct span end;
			struct dots d;
			struct buf out;

			dots_init_chunks(&d, DOTS_REPAIR_LF);
			buf_init(&out, 1000);
			assert_int_equal(read_all(&d, chunks[i].in, size, &out), -1);
			dots_finish(&d, &end);
			buf_add(&out, end);
			if (!span_eq(buf_span(&out), chunks[i].want) || d.flags != chunks[i].flags)
				fail_msg("%s, by %zu: flags %u, \"%.*s\"", chunks[i].name, size,
					 d.flags, SPAN_FMT(out));
			assert_true(dots_ended(&d) && d.bytes == out.n);
			buf_done(&out);
		}
	}
}

static const struct {
	const char *name;
	struct span in;
	struct span want;
	bool stray;
} writes[] = {
	{"an empty message", SPAN_LIT(""), SPAN_LIT(".\r\n"), false},
	{"a message with final CRLF", SPAN_LIT("a\r\n"), SPAN_LIT("a\r\n.\r\n"), false},
	{"a message without final CRLF", SPAN_LIT("a"), SPAN_LIT("a\r\n.\r\n"), false},
	{"an empty line", SPAN_LIT("\r\n"), SPAN_LIT("\r\n.\r\n"), false},
	{"dots at line starts are doubled", SPAN_LIT(".\r\n..\r\na.\r\n.b"),
	 SPAN_LIT("..\r\n...\r\na.\r\n..b\r\n.\r\n"), false},
	{"a bare LF becomes a blank", SPAN_LIT("a\n.\nb\r\n"), SPAN_LIT("a . b\r\n.\r\n"), true},
	{"a bare CR becomes a blank", SPAN_LIT("a\r.\rb\r\n"), SPAN_LIT("a . b\r\n.\r\n"), true},
	{"CR CRLF", SPAN_LIT("a\r\r\n.\r\n"), SPAN_LIT("a \r\n..\r\n.\r\n"), true},
	{"LF CR", SPAN_LIT("a\n\r"), SPAN_LIT("a  \r\n.\r\n"), true},
	{"a CR at the end", SPAN_LIT("\r"), SPAN_LIT(" \r\n.\r\n"), true},
	{"a bare LF and a dot first", SPAN_LIT("\n.\r\n"), SPAN_LIT(" .\r\n.\r\n"), true},
};

static void test_writer(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(writes); i++) {
		for (size_t size = 1; size <= writes[i].in.n + 1; size++) {
			struct span rest = writes[i].in;
			struct dots_writer w;
			struct buf out;

			buf_init(&out, 1000);
			dots_stuff_init(&w);
			for (; rest.n; rest = span_from(rest, size))
				dots_stuff(&w, span_head(rest, size), &out);
			dots_stuff_end(&w, &out);
			if (!span_eq(buf_span(&out), writes[i].want) || w.stray != writes[i].stray)
				fail_msg("%s, by %zu: \"%.*s\"", writes[i].name, size,
					 SPAN_FMT(out));
			buf_done(&out);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reader),
		cmocka_unit_test(test_every_short_string),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
