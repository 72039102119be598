#include "common/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* The shortest encoding of any number below 2^21, also of those that are no characters. */
static size_t encode(uint32_t c, uint8_t out[4])
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (uint8_t)(0x80 | (c & 0x3f));
	out[0] = (uint8_t)(first[n] | c);
	return n;
}

static void test_every_code_point(void **state UNUSED)
{
	for (uint32_t c = 0; c < 0x200000; c++) {
		bool good = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
		uint8_t s[5] = {0, 0, 0, 0, 'x'};
		size_t n = encode(c, s);

		if (utf8_length(span_of(s, n)) != (good ? n : 0) ||
		    utf8_valid(span_of(s, n)) != good)
			fail_msg("U+%04X", c);
		for (size_t cut = 1; cut < n; cut++)
			if (utf8_length(span_of(s, cut)) != 0)
				fail_msg("U+%04X cut to %zu", c, cut);
	}
}

/* What decodes must be the shortest encoding of what it decodes to. */
static size_t naive_length(struct span s)
{
	for (size_t n = 1; n <= 4 && n <= s.n; n++) {
		static const uint8_t mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
		uint8_t again[4];
		uint32_t c = s.p[0] & mask[n];

		for (size_t i = 1; i < n; i++)
			c = c << 6 | (s.p[i] & 0x3f);
		if (c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) && encode(c, again) == n &&
		    memcmp(again, s.p, n) == 0)
			return n;
	}
	return 0;
}

static void test_every_sequence_of_up_to_three_bytes(void **state UNUSED)
{
	for (uint32_t v = 0; v < 0x1000000; v++) {
		uint8_t s[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

		for (size_t n = v & 0xff ? 3 : 1; n <= 3; n++)
			if (utf8_length(span_of(s, n)) != naive_length(span_of(s, n)))
				fail_msg("%06x, %zu bytes", v, n);
	}
}

static void test_four_bytes_at_every_border(void **state UNUSED)
{
	static const uint8_t edge[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};

	for (unsigned first = 0xf0; first < 0x100; first++)
		for (size_t i = 0; i < ARRAY_LEN(edge) * ARRAY_LEN(edge) * ARRAY_LEN(edge); i++) {
			uint8_t s[4] = {(uint8_t)first, edge[i / 100], edge[i / 10 % 10],
					edge[i % 10]};

			assert_int_equal(utf8_length(span_of(s, 4)), naive_length(span_of(s, 4)));
		}
}

static const struct {
	struct span s;
	bool valid;
	const char *repaired;
} texts[] = {
	{SPAN_LIT(""), true, ""},
	{SPAN_LIT("abc\r\n"), true, "abc\r\n"},
	{SPAN_LIT("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), true,
	 "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
	{SPAN_LIT("a\xff"), false, "a\xef\xbf\xbd"},
	{SPAN_LIT("\x80z"), false, "\xef\xbf\xbdz"},
	{SPAN_LIT("\xc3"), false, "\xef\xbf\xbd"},
	{SPAN_LIT("\xc0\xaf"), false, "\xef\xbf\xbd\xef\xbf\xbd"},
	{SPAN_LIT("\xe2\x82x"), false, "\xef\xbf\xbd\xef\xbf\xbdx"},
	{SPAN_LIT("\xed\xa0\x80"), false, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	{SPAN_LIT("\xc3\xc3\xa4"), false, "\xef\xbf\xbd\xc3\xa4"},
};

static void test_repair(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct buf b;

		buf_init(&b, 100);
		utf8_repair(texts[i].s, &b);
		assert_true(span_eq_str(buf_span(&b), texts[i].repaired));
		assert_true(utf8_valid(buf_span(&b)));
		assert_int_equal(utf8_valid(texts[i].s), texts[i].valid);
		buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_code_point),
		cmocka_unit_test(test_every_sequence_of_up_to_three_bytes),
		cmocka_unit_test(test_four_bytes_at_every_border),
		cmocka_unit_test(test_repair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
