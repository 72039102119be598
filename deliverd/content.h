/*
 * content.h - what is sent after DATA: a copy's own fields, its signatures, and the message from
 * the descriptor that queued handed over.
 *
 * The file is read twice: content_check() goes through it once, for the BLAKE2b that the spool's
 * END record promised and for the DKIM body hash, before a byte is sent; content_pump() reads
 * again and sends, dot-stuffed, as the connection takes it.  The descriptor is the owner's.
 */
#ifndef DELIVERD_CONTENT_H
#define DELIVERD_CONTENT_H

#include <sodium.h>

#include "common/mail/dots.h"
#include "common/stream.h"
#include "deliverd/dkim.h"

enum { CONTENT_HASH_SIZE = 32, CONTENT_ABOVE_MAX = 4 * DKIM_FIELD_MAX + 8192 };

enum content_state {
	CONTENT_MORE,	 /* call again, other work may go between */
	CONTENT_READY,	 /* checked, or all sent */
	CONTENT_CORRUPT, /* not the bytes that were accepted */
	CONTENT_FAILED,	 /* cannot be read or signed: text in why */
};

struct content {
	int fd;
	uint64_t offset, size;
	uint8_t hash[CONTENT_HASH_SIZE];
	bool dkim;	/* goes out with signatures */
	bool hash_body; /* for those */
	const char *why;
	/* checking */
	uint64_t at;
	crypto_generichash_state blake;
	struct dkim_body dkim_body;
	struct buf head; /* the first bytes, the header section among them */
	uint8_t dkim_hash[DKIM_HASH_SIZE];
	/* sending */
	uint64_t header_size;
	bool blank; /* the empty line after the header section is missing and put in */
	struct buf above;
	struct dots_writer dots;
	uint64_t sent; /* bytes handed to the connection */
};

/* hash: CONTENT_HASH_SIZE bytes. */
void content_init(struct content *c, int fd, uint64_t offset, uint64_t size, struct span hash);
/* Directly after that: it will be signed, so content_check() makes dkim_hash, too. */
void content_sign(struct content *c, enum dkim_canon body);
/* Or: its signatures are there already. */
void content_signed(struct content *c);
void content_done(struct content *c);

/* Reads on, 1 MiB at most. */
enum content_state content_check(struct content *c) MUST_CHECK;
/* The header section; after content_check() is ready and until content_head_done(). */
struct span content_head(const struct content *c);
void content_head_done(struct content *c);

/* What stands above the message: the copy's own fields, then the signatures. */
void content_above(struct content *c, struct span fields);
/* Bytes in all, before dot-stuffing. */
uint64_t content_total(const struct content *c);

/* Hands on what the connection takes; at CONTENT_READY the final dot was handed on. */
enum content_state content_pump(struct content *c, struct stream *s) MUST_CHECK;

#endif
