#include "common/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define S(s) SPAN_LIT(s)

static const struct {
	const char *name;
	struct span a, b;
	bool eq, ieq;
} pairs[] = {
	{"two empty ones", S(""), S(""), true, true},
	{"an empty one and one without bytes", S(""), {NULL, 0}, true, true},
	{"the same", S("abc"), S("abc"), true, true},
	{"another case", S("aBc"), S("AbC"), false, true},
	{"another length", S("abc"), S("abcd"), false, false},
	{"another end", S("abc"), S("abd"), false, false},
	{"bytes behind a NUL count", S("a\0b"), S("a\0c"), false, false},
	{"32 apart but no letters", S("[@"), S("{`"), false, false},
	{"no case above ASCII", S("\xc4"), S("\xe4"), false, false},
};

static void test_equality(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		if (span_eq(pairs[i].a, pairs[i].b) != pairs[i].eq ||
		    span_eq(pairs[i].b, pairs[i].a) != pairs[i].eq ||
		    span_ieq(pairs[i].a, pairs[i].b) != pairs[i].ieq ||
		    span_ieq(pairs[i].b, pairs[i].a) != pairs[i].ieq)
			fail_msg("%s", pairs[i].name);
	}
	assert_true(span_eq_str(S("abc"), "abc"));
	assert_false(span_eq_str(S("abc\0"), "abc"));
	assert_true(span_eq_str(span_str(NULL), ""));
	assert_true(span_ieq_str(S("ABC"), "abc"));
	assert_false(span_ieq_str(S("ABC"), "ab"));
}

static const struct {
	struct span s;
	const char *prefix;
	bool starts;
} prefixes[] = {
	{S("MAIL FROM:"), "mail from:", true},
	{S("mail"), "MAIL", true},
	{S("mai"), "mail", false},
	{S("nail"), "mail", false},
	{S(""), "", true},
	{S("x"), "", true},
};

static void test_what_a_span_starts_with(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		assert_int_equal(span_istarts(prefixes[i].s, prefixes[i].prefix),
				 prefixes[i].starts);
}

static const struct {
	struct span in;
	const char *out;
} trims[] = {
	{S(""), ""}, {S(" \t "), ""}, {S("a"), "a"}, {S(" \ta b\t "), "a b"}, {S("\ra\n"), "\ra\n"},
};

static void test_trim_takes_blanks_only(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(trims); i++)
		assert_true(span_eq_str(span_trim(trims[i].in), trims[i].out));
	assert_int_equal(span_trim(span_of(NULL, 0)).n, 0);
}

static const struct {
	struct span in;
	const char *parts[4];
	size_t n;
} cuts[] = {
	{S("a,b,c"), {"a", "b", "c"}, 3}, {S("a"), {"a"}, 1},	  {S("a,"), {"a"}, 1},
	{S(",a"), {"", "a"}, 2},	  {S(",,"), {"", ""}, 2}, {S(""), {""}, 0},
};

static void test_cut_gives_each_part(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		struct span rest = cuts[i].in;
		size_t n = 0;

		for (; rest.n; n++) {
			assert_in_range(n, 0, ARRAY_LEN(cuts[i].parts) - 1);
			assert_true(span_eq_str(span_cut(&rest, ','), cuts[i].parts[n]));
		}
		assert_int_equal(n, cuts[i].n);
		assert_int_equal(span_cut(&rest, ',').n, 0);
		assert_int_equal(rest.n, 0);
	}
}

static void test_parts_stay_inside(void **state UNUSED)
{
	struct span s = S("abcdef");

	assert_int_equal(span_find(s, 'c'), 2);
	assert_int_equal(span_find(s, 'x'), 6);
	assert_int_equal(span_find(S("a\0b"), 0), 1);
	assert_int_equal(span_find(span_of(NULL, 0), 'x'), 0);
	assert_true(span_eq_str(span_from(s, 4), "ef"));
	assert_int_equal(span_from(s, 6).n, 0);
	assert_ptr_equal(span_from(s, SIZE_MAX).p, s.p + 6);
	assert_int_equal(span_from(s, SIZE_MAX).n, 0);
	assert_int_equal(span_from(span_of(NULL, 0), 3).n, 0);
	assert_true(span_eq_str(span_head(s, 2), "ab"));
	assert_true(span_eq_str(span_head(s, SIZE_MAX), "abcdef"));
	assert_int_equal(span_head(s, 0).n, 0);
}

static void test_classes_of_every_octet(void **state UNUSED)
{
	for (unsigned v = 0; v < 256; v++) {
		uint8_t c = (uint8_t)v, text[3] = {'a', c, 'b'};
		bool upper = v >= 'A' && v <= 'Z', lower = v >= 'a' && v <= 'z';

		assert_int_equal(span_has_ctl(span_of(text, 3)), v < 32 || v == 127);
		assert_int_equal(span_is_ascii(span_of(text, 3)), v < 128);
		assert_int_equal(ascii_lower(c), upper ? v + 32 : v);
		assert_int_equal(ascii_digit(c), v >= '0' && v <= '9');
		assert_int_equal(ascii_alpha(c), upper || lower);
		assert_int_equal(ascii_alnum(c), upper || lower || (v >= '0' && v <= '9'));
		ascii_lower_all(text, 3);
		assert_int_equal(text[1], upper ? v + 32 : v);
	}
	assert_false(span_has_ctl(span_of(NULL, 0)));
	assert_true(span_is_ascii(span_of(NULL, 0)));
}

static const struct {
	struct span s;
	uint64_t max;
	int err;
	uint64_t v;
} numbers[] = {
	{S("0"), 0, 0, 0},
	{S("007"), 7, 0, 7},
	{S("18446744073709551615"), UINT64_MAX, 0, UINT64_MAX},
	{S("18446744073709551616"), UINT64_MAX, -ERANGE, 0},
	{S("99999999999999999999"), UINT64_MAX, -ERANGE, 0},
	{S("184467440737095516150"), UINT64_MAX, -ERANGE, 0},
	{S("1000000000000000000000000000000000000000000"), UINT64_MAX, -ERANGE, 0},
	{S("255"), 255, 0, 255},
	{S("256"), 255, -ERANGE, 0},
	{S("1"), 0, -ERANGE, 0},
	{S(""), 9, -EINVAL, 0},
	{S("-1"), 9, -EINVAL, 0},
	{S("+1"), 9, -EINVAL, 0},
	{S(" 1"), 9, -EINVAL, 0},
	{S("1 "), 9, -EINVAL, 0},
	{S("1\0"), 9, -EINVAL, 0},
	{S("0x1"), 9, -EINVAL, 0},
	{S("1a"), 99, -EINVAL, 0},
	{S("\xd9\xa1"), 9, -EINVAL, 0}, /* a digit, but not ASCII */
};

static void test_numbers(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		uint64_t v = 4711;
		int err = span_u64(numbers[i].s, numbers[i].max, &v);

		if (err != numbers[i].err || v != (err ? 4711 : numbers[i].v))
			fail_msg("%.*s: %d", SPAN_FMT(numbers[i].s), err);
	}
}

static void test_strings_refuse_a_nul(void **state UNUSED)
{
	char out[4] = "xyz";
	char *copy;

	assert_int_equal(span_cstr(S("a\0b"), out, sizeof(out)), -EINVAL);
	assert_int_equal(span_cstr(S("abcd"), out, sizeof(out)), -ENOSPC);
	assert_string_equal(out, "xyz");
	assert_int_equal(span_cstr(S("abc"), out, sizeof(out)), 0);
	assert_string_equal(out, "abc");
	assert_int_equal(span_cstr(span_of(NULL, 0), out, 1), 0);
	assert_string_equal(out, "");
	assert_int_equal(span_cstr(S(""), out, 0), -ENOSPC);
	assert_null(span_dup(S("a\0")));
	copy = span_dup(S("abc"));
	assert_string_equal(copy, "abc");
	mem_free(copy);
	copy = span_dup(span_of(NULL, 0));
	assert_string_equal(copy, "");
	mem_free(copy);
}

static void test_hex_round_trip(void **state UNUSED)
{
	for (unsigned v = 0; v < 256; v++) {
		uint8_t in[2] = {(uint8_t)v, (uint8_t)~v}, out[2] = {0, 0};
		char text[4];

		hex_encode(in, 2, text);
		assert_int_equal(hex_decode(span_of(text, 4), out, 2), 0);
		assert_memory_equal(in, out, 2);
		for (size_t i = 0; i < 4; i++)
			assert_true(ascii_digit((uint8_t)text[i]) ||
				    (text[i] >= 'a' && text[i] <= 'f'));
	}
}

static const struct {
	struct span s;
	size_t n;
} no_hex[] = {
	{S(""), 1},   {S("0"), 1},   {S("000"), 1}, {S("0g"), 1}, {S("g0"), 1}, {S("0x"), 1},
	{S(" 0"), 1}, {S("0\0"), 1}, {S("/0"), 1},  {S(":0"), 1}, {S("@0"), 1}, {S("`0"), 1},
};

static void test_what_is_no_hex(void **state UNUSED)
{
	uint8_t out[2] = {1, 2};

	for (size_t i = 0; i < ARRAY_LEN(no_hex); i++)
		assert_int_equal(hex_decode(no_hex[i].s, out, no_hex[i].n), -EINVAL);
	assert_int_equal(hex_decode(S("aabg"), out, 2), -EINVAL);
	assert_int_equal(out[0], 1);
	assert_int_equal(hex_decode(S("aBCd"), out, 2), 0);
	assert_int_equal(out[0], 0xab);
	assert_int_equal(out[1], 0xcd);
	assert_int_equal(hex_decode(S(""), out, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equality),
		cmocka_unit_test(test_what_a_span_starts_with),
		cmocka_unit_test(test_trim_takes_blanks_only),
		cmocka_unit_test(test_cut_gives_each_part),
		cmocka_unit_test(test_parts_stay_inside),
		cmocka_unit_test(test_classes_of_every_octet),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_strings_refuse_a_nul),
		cmocka_unit_test(test_hex_round_trip),
		cmocka_unit_test(test_what_is_no_hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
