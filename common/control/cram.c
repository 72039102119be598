/*
 * cram.c - see cram.h.
 *
 * MD5_CTX is deprecated in OpenSSL 3, but only there can a chaining state be taken out and put
 * back: EVP shows none.  So the old interface is used here and nowhere else.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "common/control/cram.h"

#include <openssl/crypto.h>
#include <openssl/md5.h>

enum { BLOCK = MD5_CBLOCK, OUTER = 0, INNER = MD5_DIGEST_LENGTH };
enum { OUTER_PAD = 0x5c, INNER_PAD = 0x36 };

static void put_word(uint8_t *p, MD5_LONG w)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(w >> 8 * i);
}

static MD5_LONG get_word(const uint8_t *p)
{
	return p[0] | (MD5_LONG)p[1] << 8 | (MD5_LONG)p[2] << 16 | (MD5_LONG)p[3] << 24;
}

/* The state after the block key XOR pad. */
static void save(const uint8_t key[BLOCK], uint8_t pad, uint8_t *out)
{
	uint8_t block[BLOCK];
	MD5_CTX md;

	for (size_t i = 0; i < BLOCK; i++)
		block[i] = key[i] ^ pad;
	MD5_Init(&md);
	MD5_Update(&md, block, BLOCK);
	put_word(out, md.A);
	put_word(out + 4, md.B);
	put_word(out + 8, md.C);
	put_word(out + 12, md.D);
	OPENSSL_cleanse(block, sizeof(block));
	OPENSSL_cleanse(&md, sizeof(md));
}

/* An MD5 that has taken one block already. */
static void restore(const uint8_t *state, MD5_CTX *out)
{
	MD5_Init(out);
	out->A = get_word(state);
	out->B = get_word(state + 4);
	out->C = get_word(state + 8);
	out->D = get_word(state + 12);
	out->Nl = 8 * BLOCK;
}

void cram_state(struct span secret, uint8_t out[CRAM_STATE_SIZE])
{
	uint8_t key[BLOCK] = {0};

	if (secret.n > BLOCK)
		MD5(secret.p, secret.n, key);
	else if (secret.n)
		memcpy(key, secret.p, secret.n);
	save(key, OUTER_PAD, out + OUTER);
	save(key, INNER_PAD, out + INNER);
	OPENSSL_cleanse(key, sizeof(key));
}

void cram_digest(const uint8_t state[CRAM_STATE_SIZE], struct span challenge,
		 uint8_t out[CRAM_DIGEST_SIZE])
{
	uint8_t inner[MD5_DIGEST_LENGTH];
	MD5_CTX md;

	restore(state + INNER, &md);
	MD5_Update(&md, challenge.p, challenge.n);
	MD5_Final(inner, &md);
	restore(state + OUTER, &md);
	MD5_Update(&md, inner, sizeof(inner));
	MD5_Final(out, &md);
}
