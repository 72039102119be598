/*
 * cram_test.c - the examples of RFC 2195 and RFC 2202.
 */
#include "common/control/cram.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define EIGHTY_AA                                                                          \
	"\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa" \
	"\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa" \
	"\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa" \
	"\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"

static const struct {
	const char *from;
	struct span key, data;
	const char *digest;
} examples[] = {
	{"RFC 2195", SPAN_LIT("tanstaaftanstaaf"),
	 SPAN_LIT("<1896.697170952@postoffice.reston.mci.net>"),
	 "b913a602c7eda7a495b4e6e7334d3890"},
	{"RFC 2202 1", SPAN_LIT("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"),
	 SPAN_LIT("Hi There"), "9294727a3638bb1c13f48ef8158bfc9d"},
	{"RFC 2202 2", SPAN_LIT("Jefe"), SPAN_LIT("what do ya want for nothing?"),
	 "750c783e6ab0b503eaa86e310a5db738"},
	{"RFC 2202 6, a key longer than a block", SPAN_LIT(EIGHTY_AA),
	 SPAN_LIT("Test Using Larger Than Block-Size Key - Hash Key First"),
	 "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"},
	{"RFC 2202 7, data longer than a block, too", SPAN_LIT(EIGHTY_AA),
	 SPAN_LIT("Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data"),
	 "6f630fad67cda0ee1fb1f562db3aa53e"},
	{"an empty key and no data", {NULL, 0}, {NULL, 0}, "74e6f7298a9c2d168935f58c001bad88"},
};

static void a_stored_state_gives_the_hmac_of_the_key(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		uint8_t stored[CRAM_STATE_SIZE], digest[CRAM_DIGEST_SIZE];
		char text[2 * CRAM_DIGEST_SIZE + 1] = "";

		cram_state(examples[i].key, stored);
		cram_digest(stored, examples[i].data, digest);
		hex_encode(digest, sizeof(digest), text);
		if (strcmp(text, examples[i].digest) != 0)
			fail_msg("%s: %s", examples[i].from, text);
	}
}

static void the_key_is_not_in_the_state(void **state UNUSED)
{
	struct span key = SPAN_LIT("tans");
	uint8_t stored[CRAM_STATE_SIZE];

	cram_state(key, stored);
	for (size_t i = 0; i + key.n <= sizeof(stored); i++)
		assert_memory_not_equal(stored + i, key.p, key.n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stored_state_gives_the_hmac_of_the_key),
		cmocka_unit_test(the_key_is_not_in_the_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
