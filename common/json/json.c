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
