/*
 * span.h - a view of bytes: never freed, never NUL-terminated, never kept longer than its owner.
 */
#ifndef COMMON_SPAN_H
#define COMMON_SPAN_H

#include "common/base.h"

struct span {
	const uint8_t *p;
	size_t n;
};

/* a string literal as a span, usable in initialisers */
#define SPAN_LIT(s) ((struct span){(const uint8_t *)(s), sizeof(s) - 1})
/* for printf: "%.*s" */
#define SPAN_FMT(s) (int)(s).n, (const char *)(s).p

static inline struct span span_of(const void *p, size_t n)
{
	return (struct span){.p = p, .n = n};
}

struct span span_str(const char *s); /* NULL gives an empty span */
bool span_eq(struct span a, struct span b);
bool span_eq_str(struct span a, const char *s);
bool span_ieq(struct span a, struct span b); /* ASCII letters of either case are equal */
bool span_ieq_str(struct span a, const char *s);
bool span_istarts(struct span s, const char *prefix);
struct span span_trim(struct span s); /* spaces and tabs at both ends */
/* Index of the first byte c, or s.n. */
size_t span_find(struct span s, uint8_t c);
/* Cuts s at the first byte sep: what is before is returned, what follows stays in *s.  Without
 * sep the whole is returned and *s becomes empty. */
struct span span_cut(struct span *s, uint8_t sep);
struct span span_from(struct span s, size_t start); /* what begins at start; empty past the end */
struct span span_head(struct span s, size_t n);	    /* the first n bytes or fewer */
bool span_has_ctl(struct span s);		    /* a byte below 0x20 or 0x7f */
bool span_is_ascii(struct span s);
/* Decimal digits only, no sign, no space, at least one; -EINVAL or -ERANGE (above max). */
int span_u64(struct span s, uint64_t max, uint64_t *out) MUST_CHECK;
/* A NUL-terminated copy in out; -EINVAL if s holds a NUL, -ENOSPC if it does not fit. */
int span_cstr(struct span s, char *out, size_t out_size) MUST_CHECK;
/* A NUL-terminated copy on the heap (mem_free); NULL if s holds a NUL. */
char *span_dup(struct span s) MUST_CHECK;

/* ASCII only: the locale never decides what mail means. */
static inline uint8_t ascii_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}
static inline bool ascii_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}
static inline bool ascii_alpha(uint8_t c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}
static inline bool ascii_alnum(uint8_t c)
{
	return ascii_digit(c) || ascii_alpha(c);
}
void ascii_lower_all(uint8_t *p, size_t n);

/* Lower-case hex; out holds 2 n bytes and no NUL. */
void hex_encode(const uint8_t *p, size_t n, char *out);
/* Exactly 2 n hex digits of either case; -EINVAL. */
int hex_decode(struct span s, uint8_t *out, size_t n) MUST_CHECK;

#endif
