/*
 * buf.h - bytes that grow up to a maximum given at the start.
 *
 * Past the maximum the error sticks and nothing more is added; one buf_ok() at the end is the
 * check.  What has been added before the error is kept and must not be used.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include "common/span.h"

struct buf {
	uint8_t *p;
	size_t n;
	size_t cap;
	size_t max;
	bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);  /* frees; b is empty then, of the same maximum */
void buf_reset(struct buf *b); /* empties and forgets the error, keeps the memory */
void buf_add(struct buf *b, struct span s);
void buf_str(struct buf *b, const char *s);
void buf_byte(struct buf *b, uint8_t c);
void buf_fmt(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_drop(struct buf *b, size_t n); /* the first n bytes */
/* Room for n bytes at the end, to be filled and then counted with buf_used; NULL past max. */
uint8_t *buf_room(struct buf *b, size_t n);
void buf_used(struct buf *b, size_t n);

static inline bool buf_ok(const struct buf *b)
{
	return !b->failed;
}
static inline struct span buf_span(const struct buf *b)
{
	return span_of(b->p, b->n);
}

#endif
