/*
 * token.h - the token that proves that an address, link or Message-ID came from us.
 *
 *	byte  0	    version (1) in the high nibble, number of the master key in the low one
 *	byte  1	    node
 *	bytes 2-3   day since 1970-01-01, big endian
 *	bytes 4-10  copy id, big endian, below 2^53
 *	bytes 11-20 the first 10 bytes of BLAKE2b-128 over bytes 0-10, keyed with the purpose's key
 *
 * As text: base32 (RFC 4648) in lower case without padding, 34 characters, the two bits left over
 * zero.  Each purpose has a key of its own, so a link in a forwarded mail gives no return path.
 * Reading proves nothing: only token_check() does.  How old a token may be is the caller's.
 */
#ifndef COMMON_MAIL_TOKEN_H
#define COMMON_MAIL_TOKEN_H

#include "common/span.h"

enum {
	TOKEN_KEY_SIZE = 32,
	TOKEN_MAC_SIZE = 10,
	TOKEN_SIZE = 21,
	TOKEN_TEXT = 34,
	TOKEN_TEXT_SIZE = 35,
	TOKEN_KEY_NO_MAX = 15
};

/* Numbers are part of the key derivation: never change one. */
enum token_purpose {
	TOKEN_RETURN_PATH = 0,
	TOKEN_COMPLAINT = 1,
	TOKEN_UNSUBSCRIBE = 2,
	TOKEN_TRACKING = 3,
	TOKEN_MESSAGE_ID = 4
};

struct token {
	uint8_t key_no; /* 0 to 15 */
	uint8_t node;
	uint16_t day;
	uint64_t copy; /* below 2^53 */
	uint8_t mac[TOKEN_MAC_SIZE];
};

/* The key of one purpose, from the master key. */
void token_subkey(const uint8_t master[TOKEN_KEY_SIZE], enum token_purpose purpose,
		  uint8_t out[TOKEN_KEY_SIZE]);

/* key_no at most 15 and copy below 2^53, or it is our bug. */
void token_make(const uint8_t subkey[TOKEN_KEY_SIZE], uint8_t key_no, uint8_t node, uint16_t day,
		uint64_t copy, char out[TOKEN_TEXT_SIZE]);

/* Exactly 34 characters of either case; -EINVAL for anything else, *out untouched. */
int token_read(struct span text, struct token *out) MUST_CHECK;

/* Constant time. */
bool token_check(const uint8_t subkey[TOKEN_KEY_SIZE], const struct token *t) MUST_CHECK;

/* The first token in a local part as it may come back: in any case, behind "b+", "prvs=xxxx=",
 * "SRS0=xxxx=xx=example.com=" and the like.  A token is a run of exactly 34 letters and digits
 * that reads as one.  -ENOENT, *out untouched. */
int token_find(struct span local_part, struct token *out) MUST_CHECK;

#endif
