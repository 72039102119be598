/*
 * signkey_test.c - names of keys: what is read, and how it is written again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/mail/signkey.h"

static const struct key_case {
	const char *text, *want; /* NULL: refused */
} key_cases[] = {
	{"example.com s1 rsa-sha256", "example.com s1 rsa-sha256"},
	{"EXAMPLE.com S1 rsa-sha256", "example.com s1 rsa-sha256"},
	{"example.com 20261123 rsa-sha256", "example.com 20261123 rsa-sha256"},
	{"example.com a.b-c.1 rsa-sha256", "example.com a.b-c.1 rsa-sha256"},
	{"example.com s1 ed25519-sha256", "example.com s1 ed25519-sha256"},
	{"example.com s1 rsa-sha1", NULL},
	{"example.com s1 RSA-sha256", NULL},
	{"example.com s1 ed25519", NULL},
	{"example.com s1 ", NULL},
	{"example.com s1 rsa-sha256 ", NULL},
	{"example.com s1 rsa-sha256 x", NULL},
	{"example.com  s1 rsa-sha256", NULL},
	{" example.com s1 rsa-sha256", NULL},
	{"example.com s1", NULL},
	{"example.com", NULL},
	{"", NULL},
	{"../etc s1 rsa-sha256", NULL},
	{"example.com ../x rsa-sha256", NULL},
	{"example.com a..b rsa-sha256", NULL},
	{"example.com a. rsa-sha256", NULL},
	{"example.com .a rsa-sha256", NULL},
	{"example.com -a rsa-sha256", NULL},
	{"example.com a,b rsa-sha256", NULL},
	{"example.com a\nb rsa-sha256", NULL},
	{"example.com 123456789012345678901234567890123456789012345678901234567890123 rsa-sha256",
	 "example.com 123456789012345678901234567890123456789012345678901234567890123 rsa-sha256"},
	{"example.com 1234567890123456789012345678901234567890123456789012345678901234 rsa-sha256",
	 NULL},
};

static void texts_are_read_strictly(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(key_cases); i++) {
		const struct key_case *c = &key_cases[i];
		struct signkey key;
		char text[SIGNKEY_TEXT_SIZE];
		int err = signkey_parse(span_str(c->text), &key);

		if ((err == 0) != (c->want != NULL))
			fail_msg("%s: %d", c->text, err);
		if (err == 0) {
			signkey_text(&key, text);
			assert_string_equal(text, c->want);
		}
	}
}

static struct span label(char c, size_t n, char out[64])
{
	memset(out, c, n);
	return span_of(out, n);
}

/* Four labels: the longest domain there is. */
static struct domain longest_domain(void)
{
	char text[253], part[64];
	struct domain d;

	for (size_t at = 0; at < sizeof(text); at += 64) {
		size_t n = size_min(63, sizeof(text) - at);

		memcpy(text + at, label('d', n, part).p, n);
		if (at + n < sizeof(text))
			text[at + n] = '.';
	}
	assert_int_equal(domain_parse(span_of(text, sizeof(text)), &d), 0);
	return d;
}

static void the_longest_names_have_room(void **state)
{
	struct signkey k = {.domain = longest_domain(), .algorithm = SIGNKEY_ED25519}, again;
	char part[64], text[SIGNKEY_TEXT_SIZE];

	(void)state;
	assert_int_equal(signkey_selector(label('s', 63, part), k.selector), 0);
	signkey_text(&k, text);
	assert_int_equal(strlen(text), 253 + 1 + 63 + 1 + strlen("ed25519-sha256"));
	assert_int_equal(signkey_parse(span_str(text), &again), 0);
	assert_string_equal(again.domain.s, k.domain.s);
	assert_string_equal(again.selector, k.selector);
	assert_int_equal(again.algorithm, SIGNKEY_ED25519);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_read_strictly),
		cmocka_unit_test(the_longest_names_have_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
