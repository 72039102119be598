/*
 * sigcache.h - signatures that were made a moment ago, for the other copies of the same message.
 *
 * A signature covers bytes, not a copy: what has the same hash and the same keys gets the same
 * fields.  Some entries, each for a minute, in memory only.
 */
#ifndef DELIVERD_SIGCACHE_H
#define DELIVERD_SIGCACHE_H

#include "common/buf.h"
#include "common/clock.h"

enum { SIGCACHE_KEY_SIZE = 32, SIGCACHE_ENTRIES = 64, SIGCACHE_MS = 60000 };

struct sigcache_key {
	uint8_t hash[SIGCACHE_KEY_SIZE];
};

/* message_hash: of the message's bytes; keys: who signs, in the order of the fields. */
void sigcache_key(struct span message_hash, const struct span *keys, size_t n,
		  struct sigcache_key *out);
/* The fields, one behind the other, until the next call; false: there are none. */
bool sigcache_find(const struct sigcache_key *key, struct mono now, struct span *fields_out);
void sigcache_put(const struct sigcache_key *key, struct mono now, struct span fields);
/* How signatures are made has changed. */
void sigcache_clear(void);

#endif
