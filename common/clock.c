#include "common/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t clock_ms(clockid_t id)
{
	struct timespec ts;

	must(clock_gettime(id, &ts) == 0);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct mono mono_now(void)
{
	return (struct mono){clock_ms(CLOCK_MONOTONIC)};
}

struct wall wall_now(void)
{
	return (struct wall){clock_ms(CLOCK_REALTIME)};
}

static struct tm broken_down(struct wall t)
{
	time_t s = t.ms / 1000;
	struct tm tm;

	must(gmtime_r(&s, &tm) != NULL);
	return tm;
}

void wall_iso(struct wall t, char out[WALL_TEXT_SIZE])
{
	struct tm tm = broken_down(t);
	size_t n = strftime(out, WALL_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);

	snprintf(out + n, WALL_TEXT_SIZE - n, ".%03dZ", (int)(t.ms % 1000));
}

/* Not by strftime's %a and %b: they follow the locale. */
void wall_rfc5322(struct wall t, char out[WALL_TEXT_SIZE])
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct tm tm = broken_down(t);

	snprintf(out, WALL_TEXT_SIZE, "%s, %d %s %d %02d:%02d:%02d +0000", days[tm.tm_wday % 7],
		 tm.tm_mday % 32, months[tm.tm_mon % 12], (tm.tm_year + 1900) % 10000,
		 tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100);
}

int32_t wall_day(struct wall t)
{
	return (int32_t)(t.ms / 86400000);
}

static int64_t wall_ahead_ms(void)
{
	return wall_now().ms - mono_now().ms;
}

struct mono mono_of_wall(struct wall t)
{
	return (struct mono){t.ms == INT64_MAX ? INT64_MAX : t.ms - wall_ahead_ms()};
}

struct wall wall_of_mono(struct mono t)
{
	return (struct wall){t.ms == INT64_MAX ? INT64_MAX : t.ms + wall_ahead_ms()};
}
