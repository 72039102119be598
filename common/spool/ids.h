/*
 * ids.h - copy ids: integers below 2^53 that are never dealt twice.
 *
 * id = 4 n + submitter; n comes from the submitter's counter file, in blocks of 1,000 whose end
 * is on disk before the first is used.  Workers share the file under flock.
 */
#ifndef COMMON_SPOOL_IDS_H
#define COMMON_SPOOL_IDS_H

#include "common/clock.h"

enum submitter { SUBMITTER_SMTPD = 0, SUBMITTER_HTTPD = 1, SUBMITTER_QUEUED = 2 };

struct ids {
	const char *path;
	enum submitter submitter;
	uint64_t next, end; /* n of the next one, and behind the last one we have */
};

void ids_init(struct ids *ids, const char *path, enum submitter submitter);
/* Gives count ids (1 to 1,000) in a row: first_out, first_out + 4, ...  -errno: the counter cannot
 * be read or written. */
int ids_take(struct ids *ids, size_t count, uint64_t *first_out) MUST_CHECK;

static inline enum submitter ids_submitter(uint64_t copy)
{
	return (enum submitter)(copy % 4);
}

#endif
