#include "common/spool/flush_choice.h"

enum { SOON_MS = 100, LATE_MS = 30000 };

/* Smoothed, so that one interruption does not decide. */
static int64_t average(int64_t before, int64_t us)
{
	us = us > 0 ? us : 1;
	return before ? (3 * before + us + 3) / 4 : us;
}

bool flush_choose_all(const struct flush_choice *c, size_t files, struct mono now,
		      bool (*quiet)(void))
{
	int64_t since = now.ms - c->all_at.ms;

	if (files < 2 || !c->each_us || now.ms - c->each_at.ms >= LATE_MS)
		return false;
	if (!c->all_us || c->all_us <= c->each_us * (int64_t)files)
		return true;
	return since >= LATE_MS || (since >= SOON_MS && quiet());
}

void flush_took_each(struct flush_choice *c, size_t files, struct mono now, int64_t us)
{
	if (files)
		c->each_us = average(c->each_us, us / (int64_t)files);
	c->each_at = now;
}

void flush_took_all(struct flush_choice *c, struct mono now, int64_t us)
{
	c->all_us = average(c->all_us, us);
	c->all_at = now;
}
