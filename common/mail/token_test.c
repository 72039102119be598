#include "common/mail/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>

static const uint8_t master[TOKEN_KEY_SIZE] = {1, 2, 3};

static const struct {
	uint8_t key_no, node;
	uint16_t day;
	uint64_t copy;
} values[] = {
	{0, 0, 0, 0},
	{15, 255, 65535, (1ULL << 53) - 1},
	{3, 7, 20780, 123456789},
	{1, 1, 1, 1},
};

/* $ is replaced by a token, % by the same in upper case. */
static const struct {
	const char *name;
	const char *local;
	bool found;
} locals[] = {
	{"bare", "$", true},
	{"in upper case", "%", true},
	{"behind b+", "b+$", true},
	{"with a tail", "b+$+x", true},
	{"behind prvs=", "prvs=12345abcde=b+$", true},
	{"behind PRVS= in upper case", "PRVS=12345ABCDE=B+%", true},
	{"behind SRS0=", "SRS0=Ab1d=QX=x.de=b+$", true},
	{"behind SRS1=", "SRS1=HHHH=x.de==HHH=TT=y.de=$", true},
	{"in quotes", "\"b+$\"", true},
	{"behind another run of 34", "a99999999999999999999999999999999b+$", true},
	{"not within a longer run", "x$", false},
	{"not before more letters", "$9", false},
	{"no token", "b+abc", false},
	{"nothing", "", false},
};

static void test_round_trip(void **state UNUSED)
{
	uint8_t key[TOKEN_KEY_SIZE], other[TOKEN_KEY_SIZE];
	char text[TOKEN_TEXT_SIZE];
	struct token t;

	token_subkey(master, TOKEN_RETURN_PATH, key);
	token_subkey(master, TOKEN_COMPLAINT, other);
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		token_make(key, values[i].key_no, values[i].node, values[i].day, values[i].copy,
			   text);
		assert_int_equal(strlen(text), TOKEN_TEXT);
		assert_int_equal(token_read(span_str(text), &t), 0);
		assert_int_equal(t.key_no, values[i].key_no);
		assert_int_equal(t.node, values[i].node);
		assert_int_equal(t.day, values[i].day);
		assert_int_equal(t.copy, values[i].copy);
		assert_true(token_check(key, &t));
		assert_false(token_check(other, &t));
	}
}

static void test_one_text_never_changes(void **state UNUSED)
{
	uint8_t key[TOKEN_KEY_SIZE];
	char text[TOKEN_TEXT_SIZE];

	token_subkey(master, TOKEN_MESSAGE_ID, key);
	token_make(key, 3, 7, 20780, 123456789, text);
	assert_string_equal(text, "cmdvclaaaaaaow6ncxgihldbvgz7fwye7m");
}

static void test_every_purpose_has_its_key(void **state UNUSED)
{
	uint8_t keys[TOKEN_MESSAGE_ID + 1][TOKEN_KEY_SIZE];

	for (int i = 0; i <= TOKEN_MESSAGE_ID; i++) {
		token_subkey(master, (enum token_purpose)i, keys[i]);
		for (int k = 0; k < i; k++)
			assert_memory_not_equal(keys[i], keys[k], TOKEN_KEY_SIZE);
	}
}

/* Any other character in any place gives another token or none, and never a right one. */
static void test_altered_tokens(void **state UNUSED)
{
	uint8_t key[TOKEN_KEY_SIZE];
	char text[TOKEN_TEXT_SIZE];
	struct token t;

	token_subkey(master, TOKEN_TRACKING, key);
	token_make(key, 1, 2, 3, 4, text);
	for (size_t i = 0; i < TOKEN_TEXT; i++) {
		char was = text[i];

		for (int c = 0; c < 256; c++) {
			text[i] = (char)c;
			bool same = ascii_lower((uint8_t)c) == (uint8_t)was;
			bool good = token_read(span_of(text, TOKEN_TEXT), &t) == 0 &&
				    token_check(key, &t);
			assert_int_equal(good, same);
		}
		text[i] = was;
	}
	for (size_t n = 0; n < TOKEN_TEXT; n++)
		assert_int_equal(token_read(span_of(text, n), &t), -EINVAL);
	assert_int_equal(token_read(span_of(text, TOKEN_TEXT_SIZE), &t), -EINVAL);
}

static void test_what_is_no_token(void **state UNUSED)
{
	struct token t;

	assert_int_equal(token_read(SPAN_LIT("caaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), &t), 0);
	assert_int_equal(t.copy, 0);
	/* version 2; left-over bits; a copy id of 2^53 */
	assert_int_equal(token_read(SPAN_LIT("eaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), &t), -EINVAL);
	assert_int_equal(token_read(SPAN_LIT("caaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), &t), -EINVAL);
	assert_int_equal(token_read(SPAN_LIT("caaaaabaaaaaaaaaaaaaaaaaaaaaaaaaaa"), &t), -EINVAL);
	assert_int_equal(token_read(SPAN_LIT("ca1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), &t), -EINVAL);
}

static void fill(const char *pattern, const char *text, char out[256])
{
	size_t n = 0;

	for (; *pattern; pattern++) {
		if (*pattern != '$' && *pattern != '%') {
			out[n++] = *pattern;
			continue;
		}
		for (size_t i = 0; i < TOKEN_TEXT; i++) {
			bool upper = *pattern == '%' && ascii_alpha((uint8_t)text[i]);
			out[n++] = (char)(upper ? text[i] - 32 : text[i]);
		}
	}
	out[n] = '\0';
}

static void test_find(void **state UNUSED)
{
	uint8_t key[TOKEN_KEY_SIZE];
	char text[TOKEN_TEXT_SIZE], local[256];
	struct token t;

	token_subkey(master, TOKEN_RETURN_PATH, key);
	token_make(key, 3, 7, 20780, 123456789, text);
	for (size_t i = 0; i < ARRAY_LEN(locals); i++) {
		fill(locals[i].local, text, local);
		int err = token_find(span_str(local), &t);
		if (err != (locals[i].found ? 0 : -ENOENT))
			fail_msg("%s: %d", locals[i].name, err);
		assert_true(err || (t.copy == 123456789 && token_check(key, &t)));
	}
}

static int setup(void **state UNUSED)
{
	return sodium_init() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_one_text_never_changes),
		cmocka_unit_test(test_every_purpose_has_its_key),
		cmocka_unit_test(test_altered_tokens),
		cmocka_unit_test(test_what_is_no_token),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
