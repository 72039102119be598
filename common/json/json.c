#include "common/json/json.h"

#include "common/utf8.h"

static void add_char(struct buf *out, struct span one)
{
	if (one.p[0] == '"' || one.p[0] == '\\')
		buf_byte(out, '\\');
	if (one.p[0] < 0x20 || one.p[0] == 0x7f)
		buf_fmt(out, "\\u%04x", one.p[0]);
	else
		buf_add(out, one);
}

void json_add_string(struct buf *out, struct span s)
{
	buf_byte(out, '"');
	while (s.n) {
		size_t len = utf8_length(s);

		if (len)
			add_char(out, span_head(s, len));
		else
			buf_str(out, "\xef\xbf\xbd");
		s = span_from(s, len ? len : 1);
	}
	buf_byte(out, '"');
}

/* Length of the string that s begins with, quotes included. */
static size_t string_length(struct span s)
{
	size_t n = 1;

	while (n < s.n && s.p[n] != '"')
		n += s.p[n] == '\\' ? 2 : 1;
	return size_min(n + 1, s.n);
}

void json_add_compact(struct buf *out, struct span text)
{
	while (text.n) {
		uint8_t c = text.p[0];
		size_t n = c == '"' ? string_length(text) : 1;

		if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
			buf_add(out, span_head(text, n));
		text = span_from(text, n);
	}
}
