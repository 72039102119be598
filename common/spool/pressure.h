/*
 * pressure.h - the page by which queued tells acceptors how far delivery is behind, and which
 * mail servers have used up their room (run/queued/pressure, mapped by both).
 *
 * Acceptors slow their 250 by pressure_delay_ms(), never more, and never refuse for the level; a
 * server over its limit gets 452.  A page older than PRESSURE_STALE_MS means nothing: queued may
 * be down, and mail is accepted all the same.
 *
 * One writer, many readers, no lock: the writer counts `turn` up before and after each change, a
 * reader that saw it odd or changed reads again.
 */
#ifndef COMMON_SPOOL_PRESSURE_H
#define COMMON_SPOOL_PRESSURE_H

#include "common/clock.h"

#define PRESSURE_PATH "run/queued/pressure"

enum {
	PRESSURE_STALE_MS = 5000,
	PRESSURE_LEVEL_MAX = 10,
	PRESSURE_DELAY_MS = 10, /* for each level */
	PRESSURE_SERVERS_MAX = 500
};

struct pressure {
	unsigned level; /* 0 to PRESSURE_LEVEL_MAX */
	size_t server_count;
	uint64_t servers[PRESSURE_SERVERS_MAX]; /* over their bytes limit */
};

struct pressure_page;

/* The writer's: makes the file anew.  -errno. */
int pressure_make(struct pressure_page **out) MUST_CHECK;
void pressure_write(struct pressure_page *page, const struct pressure *p, struct mono now);

/* A reader's; the file is opened when it is there, and again when queued has made a new one. */
struct pressure_reader {
	const struct pressure_page *page;
	struct mono opened; /* or tried */
};
/* False: nothing that counts now. */
bool pressure_read(struct pressure_reader *r, struct mono now, struct pressure *out);
void pressure_reader_done(struct pressure_reader *r);

static inline int64_t pressure_delay_ms(const struct pressure *p)
{
	return (int64_t)p->level * PRESSURE_DELAY_MS;
}

#endif
