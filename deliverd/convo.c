#include "deliverd/convo.h"

#include "common/utf8.h"

enum { LEFT_OUT_ROOM = 64, ESCAPED_MAX = 4 * CONVO_LINE_MAX + 8 };

void convo_init(struct convo *c, struct mono start)
{
	*c = (struct convo){.start = start};
	buf_init(&c->text, CONVO_MAX);
}

void convo_done(struct convo *c)
{
	buf_done(&c->text);
}

static void put(struct convo *c, char dir, int64_t ms, struct span text, bool cut)
{
	static char escaped[ESCAPED_MAX];
	size_t room = CONVO_MAX - LEFT_OUT_ROOM - c->text.n;

	utf8_escape(text, escaped, sizeof(escaped));
	if (c->left_out || strlen(escaped) + LEFT_OUT_ROOM > room)
		c->left_out++;
	else
		buf_fmt(&c->text, "%lld %c %s%s\n", (long long)ms, dir, escaped, cut ? "..." : "");
}

static void end_line(struct convo *c)
{
	struct span line = span_of(c->line, c->n);

	if (!c->dir)
		return;
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	put(c, c->dir, c->ms, line, c->cut);
	c->dir = '\0';
}

void convo_add(struct convo *c, char dir, struct span bytes, struct mono now)
{
	if (c->dir != dir)
		end_line(c);
	for (size_t i = 0; i < bytes.n; i++) {
		if (!c->dir) {
			c->dir = dir;
			c->ms = now.ms - c->start.ms;
			c->n = 0;
			c->cut = false;
		}
		if (bytes.p[i] == '\n')
			end_line(c);
		else if (c->n < sizeof(c->line))
			c->line[c->n++] = bytes.p[i];
		else
			c->cut = true;
	}
}

void convo_note(struct convo *c, const char *text, struct mono now)
{
	end_line(c);
	put(c, '=', now.ms - c->start.ms, span_str(text), false);
}

struct span convo_text(struct convo *c)
{
	end_line(c);
	if (c->left_out)
		buf_fmt(&c->text, "- = %u more lines are left out\n", c->left_out);
	c->left_out = 0;
	must(buf_ok(&c->text));
	return buf_span(&c->text);
}
