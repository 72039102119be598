/*
 * plan_retry.c - when a copy that could not be delivered is tried again, and when no more.
 */
#include "queued/plan.h"

static int64_t listed_ms(const struct conf_times *times, unsigned attempts)
{
	size_t i = attempts ? attempts - 1 : 0;

	must(times->n > 0);
	return times->ms[i < times->n ? i : times->n - 1];
}

int64_t plan_retry_ms(const struct conf_times *times, unsigned attempts, unsigned roll)
{
	int64_t ms = listed_ms(times, attempts);

	return ms + ms * (int64_t)(roll % 100) / 1000;
}

int64_t plan_next_ms(int64_t now_ms, int64_t wait_ms, int64_t end_ms)
{
	int64_t next = now_ms + wait_ms;

	return next > end_ms && now_ms < end_ms ? end_ms : next;
}

/* The waits after the first, the second ... failed attempt, together. */
static int64_t waits_ms(const struct conf_times *times, unsigned attempts)
{
	unsigned listed = (unsigned)size_min(attempts, times->n);
	int64_t sum = 0, rest;

	for (unsigned i = 1; i <= listed; i++)
		sum += listed_ms(times, i);
	if (mul_overflows((int64_t)(attempts - listed), listed_ms(times, attempts), &rest) ||
	    add_overflows(sum, rest, &sum))
		return INT64_MAX;
	return sum;
}

bool plan_expired(const struct conf_times *times, unsigned attempts, int64_t age_ms,
		  int64_t lifetime_ms)
{
	return age_ms >= lifetime_ms && waits_ms(times, attempts) >= lifetime_ms / 4;
}
