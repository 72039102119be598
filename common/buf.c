#include "common/buf.h"

#include <stdarg.h>
#include <stdio.h>

enum { BUF_FIRST = 256 };

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
	mem_free(b->p);
	buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	b->failed = false;
}

uint8_t *buf_room(struct buf *b, size_t n)
{
	size_t want, cap = b->cap ? b->cap : BUF_FIRST;

	if (b->failed || add_overflows(b->n, n, &want) || want > b->max) {
		b->failed = true;
		return NULL;
	}
	if (want > b->cap) {
		while (cap < want)
			cap = cap > b->max / 2 ? b->max : cap * 2;
		b->p = mem_grow(b->p, cap);
		b->cap = cap;
	}
	return b->p + b->n;
}

void buf_used(struct buf *b, size_t n)
{
	must(n <= b->cap - b->n);
	b->n += n;
}

void buf_add(struct buf *b, struct span s)
{
	uint8_t *room = s.n ? buf_room(b, s.n) : NULL;

	if (!room)
		return;
	memcpy(room, s.p, s.n);
	buf_used(b, s.n);
}

void buf_str(struct buf *b, const char *s)
{
	buf_add(b, span_str(s));
}

void buf_byte(struct buf *b, uint8_t c)
{
	buf_add(b, span_of(&c, 1));
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char small[512];
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	must(n >= 0);
	if ((size_t)n < sizeof(small)) {
		buf_add(b, span_of(small, (size_t)n));
		return;
	}
	char *large = mem_alloc((size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(large, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf_add(b, span_of(large, (size_t)n));
	mem_free(large);
}

void buf_drop(struct buf *b, size_t n)
{
	must(n <= b->n);
	b->n -= n;
	if (b->n && n)
		memmove(b->p, b->p + n, b->n);
}
