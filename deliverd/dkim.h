/*
 * dkim.h - DKIM signatures (RFC 6376, RFC 8463); pure: no key, no clock.
 *
 * The order of a delivery:
 *
 *	dkim_body_init, dkim_body_add ..., dkim_body_done	once for each body
 *	dkim_field	the field up to "b=" and the hash that the signer signs; once for each key
 *	dkim_complete	the field with the signature and its CRLF
 *
 * What is header is what common/mail/header.h says.  Where a message has no empty line between
 * header and body (dkim_header_ends() is false), the sender must put one there, else other readers
 * see another body than was signed.  The field goes above the header section; several signatures
 * do not cover one another.
 */
#ifndef DELIVERD_DKIM_H
#define DELIVERD_DKIM_H

#include "common/buf.h"
#include "common/clock.h"
#include "common/mail/signkey.h"

struct evp_md_ctx_st; /* OpenSSL's EVP_MD_CTX */

/* Canonicalisation (RFC 6376 3.4): what may happen to a message on its way. */
enum dkim_canon {
	DKIM_RELAXED, /* other blanks, names in another case, other folds */
	DKIM_SIMPLE,  /* nothing */
};

/* What all signatures of a message have in common. */
struct dkim_params {
	enum dkim_canon header, body;
	struct wall now;   /* t= */
	int64_t expire_ms; /* x= is so much later; 0: there is none */
};

enum { DKIM_HASH_SIZE = 32, DKIM_FIELD_MAX = 65536 };
/* Of one name at most so many fields are signed, the lowest ones; above it is not oversigned. */
enum { DKIM_REPEAT_MAX = 50 };

/* The hash of a body that comes in pieces of any size (RFC 6376 3.4.3, 3.4.4). */
struct dkim_body {
	enum dkim_canon canon;
	struct evp_md_ctx_st *ctx;
	size_t lines; /* line ends seen and not yet hashed: they may turn out to be the last ones */
	bool blank;   /* the same for spaces and tabs, if relaxed */
	bool cr;      /* a CR whose LF may follow */
	bool any;     /* something has been hashed */
	size_t out_n;
	uint8_t out[1024];
};

void dkim_body_init(struct dkim_body *b, enum dkim_canon canon);
void dkim_body_add(struct dkim_body *b, struct span piece);
/* Ends and frees; hash_out may be NULL (given up).  Also fine on a zeroed or an ended one, with
 * NULL. */
void dkim_body_done(struct dkim_body *b, uint8_t hash_out[DKIM_HASH_SIZE]);

/* Sets field (initialised with a max of DKIM_FIELD_MAX) to the DKIM-Signature field up to and
 * with "b=", and hash_out to the SHA-256 of the canonical header data.  header is the header
 * section (more behind it does no harm), without the fields that are put above it for one copy.
 * -EINVAL: no From field; -EMSGSIZE: the field would be too long. */
int dkim_field(struct span header, const struct signkey *key, const struct dkim_params *params,
	       const uint8_t body_hash[DKIM_HASH_SIZE], struct buf *field,
	       uint8_t hash_out[DKIM_HASH_SIZE]) MUST_CHECK;
/* Adds the signature in base64, folded, and the final CRLF. */
void dkim_complete(struct buf *field, struct span signature);

/* Does an empty line end the header section of this message?  (See above.) */
bool dkim_header_ends(struct span msg);

/* Canonical forms, for tests: the relaxed field with its CRLF. */
void dkim_relax_field(struct span name, struct span value, struct buf *out);

#endif
