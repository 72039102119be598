#include "smtpd/pace.h"

void pace_init(struct pace *p, struct mono now)
{
	*p = (struct pace){.session = now};
	pace_turn(p, false, now);
}

void pace_turn(struct pace *p, bool content, struct mono now)
{
	p->turn = p->heard = now;
	p->bytes = 0;
	p->content = content;
}

void pace_heard(struct pace *p, size_t n, struct mono now)
{
	p->heard = now;
	p->bytes += n;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static enum pace_verdict check_content(const struct pace *p, const struct pace_limits *l,
				       struct mono now)
{
	int64_t took_ms = now.ms - p->turn.ms;

	if (now.ms - p->heard.ms > l->command_ms)
		return PACE_IDLE;
	if (took_ms <= least(PACE_START_MS, l->command_ms))
		return PACE_GOOD;
	return p->bytes < (uint64_t)took_ms / 1000 * l->rate ? PACE_SLOW : PACE_GOOD;
}

enum pace_verdict pace_check(const struct pace *p, const struct pace_limits *l, struct mono now)
{
	int64_t command_ms = l->crowded ? least(l->command_ms, PACE_CROWDED_MS) : l->command_ms;

	if (p->content)
		return check_content(p, l, now);
	if (now.ms - p->turn.ms > command_ms)
		return PACE_IDLE;
	return now.ms - p->session.ms > l->session_ms ? PACE_LONG : PACE_GOOD;
}
