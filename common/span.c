#include "common/span.h"

struct span span_str(const char *s)
{
	return s ? span_of(s, strlen(s)) : span_of(NULL, 0);
}

bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool span_eq_str(struct span a, const char *s)
{
	return span_eq(a, span_str(s));
}

bool span_ieq(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

bool span_ieq_str(struct span a, const char *s)
{
	return span_ieq(a, span_str(s));
}

bool span_istarts(struct span s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && span_ieq(span_head(s, n), span_of(prefix, n));
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

struct span span_trim(struct span s)
{
	while (s.n && is_blank(s.p[0]))
		s = span_from(s, 1);
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

size_t span_find(struct span s, uint8_t c)
{
	const uint8_t *at = s.n ? memchr(s.p, c, s.n) : NULL;

	return at ? (size_t)(at - s.p) : s.n;
}

struct span span_cut(struct span *s, uint8_t sep)
{
	size_t at = span_find(*s, sep);
	struct span head = span_head(*s, at);

	*s = span_from(*s, at < s->n ? at + 1 : at);
	return head;
}

struct span span_from(struct span s, size_t start)
{
	start = size_min(start, s.n);
	return s.p ? span_of(s.p + start, s.n - start) : s;
}

struct span span_head(struct span s, size_t n)
{
	return span_of(s.p, size_min(n, s.n));
}

bool span_has_ctl(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			return true;
	return false;
}

bool span_is_ascii(struct span s)
{
	uint64_t eight;

	for (; s.n >= sizeof(eight); s = span_from(s, sizeof(eight))) {
		memcpy(&eight, s.p, sizeof(eight));
		if (eight & UINT64_C(0x8080808080808080))
			return false;
	}
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] & 0x80)
			return false;
	return true;
}

int span_u64(struct span s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++) {
		if (!ascii_digit(s.p[i]))
			return -EINVAL;
		if (mul_overflows(v, (uint64_t)10, &v) ||
		    add_overflows(v, (uint64_t)(s.p[i] - '0'), &v) || v > max)
			return -ERANGE;
	}
	*out = v;
	return 0;
}

int span_cstr(struct span s, char *out, size_t out_size)
{
	if (span_find(s, 0) < s.n)
		return -EINVAL;
	if (s.n >= out_size)
		return -ENOSPC;
	if (s.n)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return 0;
}

char *span_dup(struct span s)
{
	char *copy = mem_alloc(s.n + 1);

	if (span_cstr(s, copy, s.n + 1) == 0)
		return copy;
	mem_free(copy);
	return NULL;
}

void ascii_lower_all(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = ascii_lower(p[i]);
}

void hex_encode(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
}

static int hex_value(uint8_t c)
{
	c = ascii_lower(c);
	if (ascii_digit(c))
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int hex_decode(struct span s, uint8_t *out, size_t n)
{
	if (s.n != 2 * n)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++)
		if (hex_value(s.p[i]) < 0)
			return -EINVAL;
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(hex_value(s.p[2 * i]) << 4 | hex_value(s.p[2 * i + 1]));
	return 0;
}
