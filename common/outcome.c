#include "common/outcome.h"

#include <stdio.h>

#include "common/utf8.h"

/* Of ASCII, and C1 (U+0080 to U+009F): terminals take orders from both. */
static bool is_control(struct span s)
{
	return s.p[0] < ' ' || s.p[0] == 0x7f || (s.n > 1 && s.p[0] == 0xc2 && s.p[1] < 0xa0);
}

static void escape(struct span s, char *out, size_t size)
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

void outcome_set(struct outcome *o, enum outcome_kind kind, uint16_t code, const char *status,
		 struct span text)
{
	*o = (struct outcome){.kind = kind, .code = code};
	snprintf(o->status, sizeof(o->status), "%s", status);
	escape(text, o->text, sizeof(o->text));
}

const char *outcome_name(enum outcome_kind kind)
{
	static const char *const names[] = {
		[OUTCOME_DONE] = "done",
		[OUTCOME_TEMP] = "temporary",
		[OUTCOME_PERM] = "permanent",
	};

	return names[kind];
}
