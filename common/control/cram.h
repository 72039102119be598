/*
 * cram.h - HMAC-MD5 of CRAM-MD5 (RFC 2195, RFC 2104) from stored states instead of the key.
 *
 * HMAC begins both of its hashes with one block made of the key alone.  What MD5 has after those
 * blocks, two chaining states of 16 bytes, is all that an answer is checked with: the outer one,
 * then the inner one, words little-endian.  The key cannot be read from them, but whoever has
 * them can answer challenges, which is why a credential has them only when asked for.
 */
#ifndef COMMON_CONTROL_CRAM_H
#define COMMON_CONTROL_CRAM_H

#include "common/span.h"

enum { CRAM_STATE_SIZE = 32, CRAM_DIGEST_SIZE = 16 };

void cram_state(struct span secret, uint8_t out[CRAM_STATE_SIZE]);
void cram_digest(const uint8_t state[CRAM_STATE_SIZE], struct span challenge,
		 uint8_t out[CRAM_DIGEST_SIZE]);

#endif
