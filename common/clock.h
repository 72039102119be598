/*
 * clock.h - monotonic and wall time as different types, so that they cannot be mixed.
 *
 * Waiting and deadlines use monotonic time; what is shown or stored uses wall time (UTC).
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include "common/base.h"

struct mono {
	int64_t ms;
};

struct wall {
	int64_t ms; /* since 1970-01-01T00:00:00Z */
};

struct mono mono_now(void);
struct wall wall_now(void);

/* The same moment on the other clock, as the two stand now: what is kept in monotonic time is not
 * moved by a jump of the wall clock.  INT64_MAX (never) stays what it is. */
struct mono mono_of_wall(struct wall t);
struct wall wall_of_mono(struct mono t);

enum { WALL_TEXT_SIZE = 32 };

/* 2026-11-23T18:44:32.123Z */
void wall_iso(struct wall t, char out[WALL_TEXT_SIZE]);
/* Mon, 23 Nov 2026 18:44:32 +0000 (RFC 5322 3.3) */
void wall_rfc5322(struct wall t, char out[WALL_TEXT_SIZE]);
/* Days since 1970-01-01 UTC. */
int32_t wall_day(struct wall t);

#endif
