#include "common/utf8.h"

#include <stdio.h>

static bool continues(struct span s, size_t from, size_t n)
{
	if (s.n < n)
		return false;
	for (size_t i = from; i < n; i++)
		if ((s.p[i] & 0xc0) != 0x80)
			return false;
	return true;
}

/* The second byte's range depends on the first (table 3-7 of the Unicode standard). */
static bool second_ok(uint8_t first, uint8_t second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0;
	case 0xed:
		return second <= 0x9f;
	case 0xf0:
		return second >= 0x90;
	case 0xf4:
		return second <= 0x8f;
	default:
		return true;
	}
}

size_t utf8_length(struct span s)
{
	size_t n;

	if (s.n == 0)
		return 0;
	if (s.p[0] < 0x80)
		return 1;
	if (s.p[0] >= 0xc2 && s.p[0] <= 0xdf)
		n = 2;
	else if (s.p[0] >= 0xe0 && s.p[0] <= 0xef)
		n = 3;
	else if (s.p[0] >= 0xf0 && s.p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	return continues(s, 1, n) && second_ok(s.p[0], s.p[1]) ? n : 0;
}

bool utf8_valid(struct span s)
{
	while (s.n) {
		size_t len = utf8_length(s);

		if (len == 0)
			return false;
		s = span_from(s, len);
	}
	return true;
}

void utf8_repair(struct span s, struct buf *out)
{
	while (s.n) {
		size_t len = utf8_length(s);

		if (len)
			buf_add(out, span_head(s, len));
		else
			buf_str(out, "\xef\xbf\xbd");
		s = span_from(s, len ? len : 1);
	}
}

/* Of ASCII, and C1 (U+0080 to U+009F): terminals take orders from both. */
static bool is_control(struct span s)
{
	return s.p[0] < ' ' || s.p[0] == 0x7f || (s.n > 1 && s.p[0] == 0xc2 && s.p[1] < 0xa0);
}

void utf8_escape(struct span s, char *out, size_t size)
{
	size_t at = 0;

	while (s.n && at + 5 < size) {
		size_t len = utf8_length(s);

		if (len == 0 || is_control(s)) {
			snprintf(out + at, size - at, "\\x%02x", s.p[0]);
			at += 4;
			len = 1;
		} else {
			memcpy(out + at, s.p, len);
			at += len;
		}
		s = span_from(s, len);
	}
	out[at] = '\0';
}
