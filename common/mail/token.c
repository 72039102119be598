/*
 * token.c - tokens in addresses, links and Message-IDs; their layout is in token.h.
 *
 *	token  = 34base32         ; RFC 4648 6, any case, the last two bits zero
 *	local  = *( *alnum delim ) token *( delim *OCTET ) ; delim: neither letter nor digit
 *
 * All bytes before the MAC go into it, and there is one text for one token but for its case, so a
 * token cannot be altered in any way that matters.
 */
#include "common/mail/token.h"

#include <sodium.h>

enum {
	SIGNED_SIZE = TOKEN_SIZE - TOKEN_MAC_SIZE,
	HASH_SIZE = crypto_generichash_BYTES_MIN,
	VERSION = 1,
	COPY_BITS = 53,
	COPY_BYTES = 7
};

_Static_assert(TOKEN_KEY_SIZE == crypto_kdf_KEYBYTES, "master key");
_Static_assert((int)HASH_SIZE >= (int)TOKEN_MAC_SIZE, "MAC is a part of the hash");
_Static_assert(TOKEN_TEXT * 5 - TOKEN_SIZE * 8 == 2, "two bits are left over");

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

void token_subkey(const uint8_t master[TOKEN_KEY_SIZE], enum token_purpose purpose,
		  uint8_t out[TOKEN_KEY_SIZE])
{
	must(crypto_kdf_derive_from_key(out, TOKEN_KEY_SIZE, (uint64_t)purpose + 1, "phtoken1",
					master) == 0);
}

static void pack(const struct token *t, uint8_t out[SIGNED_SIZE])
{
	out[0] = (uint8_t)(VERSION << 4 | t->key_no);
	out[1] = t->node;
	out[2] = (uint8_t)(t->day >> 8);
	out[3] = (uint8_t)(t->day & 0xff);
	for (int i = 0; i < COPY_BYTES; i++)
		out[4 + i] = (uint8_t)(t->copy >> (8 * (COPY_BYTES - 1 - i)) & 0xff);
}

static int unpack(const uint8_t in[TOKEN_SIZE], struct token *out)
{
	struct token t = {.key_no = in[0] & 15, .node = in[1]};

	t.day = (uint16_t)(in[2] << 8 | in[3]);
	for (int i = 0; i < COPY_BYTES; i++)
		t.copy = t.copy << 8 | in[4 + i];
	memcpy(t.mac, in + SIGNED_SIZE, TOKEN_MAC_SIZE);
	if (in[0] >> 4 != VERSION || t.copy >> COPY_BITS)
		return -EINVAL;
	*out = t;
	return 0;
}

static void make_mac(const uint8_t subkey[TOKEN_KEY_SIZE], const uint8_t in[SIGNED_SIZE],
		     uint8_t mac[TOKEN_MAC_SIZE])
{
	uint8_t hash[HASH_SIZE];

	must(crypto_generichash(hash, sizeof(hash), in, SIGNED_SIZE, subkey, TOKEN_KEY_SIZE) == 0);
	memcpy(mac, hash, TOKEN_MAC_SIZE);
	sodium_memzero(hash, sizeof(hash));
}

static void base32_encode(const uint8_t in[TOKEN_SIZE], char out[TOKEN_TEXT_SIZE])
{
	unsigned held = 0, bits = 0;
	size_t at = 0;

	for (size_t i = 0; i < TOKEN_TEXT; i++) {
		if (bits < 5) {
			held = held << 8 | (at < TOKEN_SIZE ? in[at] : 0U);
			at++;
			bits += 8;
		}
		bits -= 5;
		out[i] = alphabet[held >> bits & 31];
		held &= (1U << bits) - 1;
	}
	out[TOKEN_TEXT] = '\0';
}

static int base32_value(uint8_t c)
{
	if (ascii_alpha(c))
		return ascii_lower(c) - 'a';
	return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

static int base32_decode(struct span s, uint8_t out[TOKEN_SIZE])
{
	unsigned held = 0, bits = 0;
	size_t at = 0;

	if (s.n != TOKEN_TEXT)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++) {
		int v = base32_value(s.p[i]);

		if (v < 0)
			return -EINVAL;
		held = held << 5 | (unsigned)v;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			out[at++] = (uint8_t)(held >> bits & 0xff);
			held &= (1U << bits) - 1;
		}
	}
	return held ? -EINVAL : 0;
}

void token_make(const uint8_t subkey[TOKEN_KEY_SIZE], uint8_t key_no, uint8_t node, uint16_t day,
		uint64_t copy, char out[TOKEN_TEXT_SIZE])
{
	struct token t = {.key_no = key_no, .node = node, .day = day, .copy = copy};
	uint8_t bytes[TOKEN_SIZE];

	must(key_no <= TOKEN_KEY_NO_MAX && copy >> COPY_BITS == 0);
	pack(&t, bytes);
	make_mac(subkey, bytes, bytes + SIGNED_SIZE);
	base32_encode(bytes, out);
}

int token_read(struct span text, struct token *out)
{
	uint8_t bytes[TOKEN_SIZE];
	int err = base32_decode(text, bytes);

	return err ? err : unpack(bytes, out);
}

bool token_check(const uint8_t subkey[TOKEN_KEY_SIZE], const struct token *t)
{
	uint8_t bytes[SIGNED_SIZE], mac[TOKEN_MAC_SIZE];

	pack(t, bytes);
	make_mac(subkey, bytes, mac);
	return sodium_memcmp(mac, t->mac, sizeof(mac)) == 0;
}

int token_find(struct span local_part, struct token *out)
{
	while (local_part.n) {
		size_t n = 0;

		while (n < local_part.n && ascii_alnum(local_part.p[n]))
			n++;
		if (token_read(span_head(local_part, n), out) == 0)
			return 0;
		local_part = span_from(local_part, n + 1);
	}
	return -ENOENT;
}
