/*
 * mail_token.c - fuzz target: what reads as a token has one text only; no token that was not made
 * with the key passes; tokens are found behind whatever stands before and after them.
 */
#include "common/mail/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t master[TOKEN_KEY_SIZE] = {42};

static void check_read(const uint8_t key[TOKEN_KEY_SIZE], struct span in)
{
	char text[TOKEN_TEXT_SIZE];
	struct token t;

	if (token_read(in, &t))
		return;
	must(in.n == TOKEN_TEXT && t.key_no <= TOKEN_KEY_NO_MAX && t.copy >> 53 == 0);
	token_make(key, t.key_no, t.node, t.day, t.copy, text);
	must(token_check(key, &t) == span_ieq_str(in, text));
	must(span_ieq(span_head(in, 17), span_of(text, 17)));
}

/* A token made of the input's first bytes, between two pieces of the rest. */
static void check_found(const uint8_t key[TOKEN_KEY_SIZE], const uint8_t *data, size_t size)
{
	char local[1024], text[TOKEN_TEXT_SIZE];
	size_t before = data[1] % (size - 12 + 1), after = size - 12 - before;
	uint64_t copy = 0;
	struct token t, first;
	char *at = local;

	if (size > 512)
		return;
	for (int i = 0; i < 7; i++)
		copy = copy << 8 | data[5 + i];
	copy &= (1ULL << 53) - 1;
	token_make(key, data[2] & 15, data[3], data[4], copy, text);
	memcpy(at, data + 12, before);
	at += before;
	*at++ = '+';
	memcpy(at, text, TOKEN_TEXT);
	at += TOKEN_TEXT;
	*at++ = '=';
	memcpy(at, data + 12 + before, after);
	at += after;
	must(token_find(span_of(local, (size_t)(at - local)), &t) == 0);
	if (token_find(span_of(local, before), &first) == 0)
		return;
	must(t.copy == copy && t.key_no == (data[2] & 15) && t.node == data[3]);
	must(t.day == data[4] && token_check(key, &t));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t key[TOKEN_KEY_SIZE];
	struct token t;

	token_subkey(master, TOKEN_RETURN_PATH, key);
	check_read(key, span_of(data, size));
	if (token_find(span_of(data, size), &t) == 0)
		must(t.copy >> 53 == 0);
	if (size >= 12)
		check_found(key, data, size);
	return 0;
}
