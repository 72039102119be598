/*
 * usage.h - what each mail server uses: bytes of unfinished messages, and copies sent in the
 * rolling hour that send limits look at.
 *
 * The hour is kept in minutes of monotonic time.  The counts are stored once a minute
 * (usage_save), so a kill forgets at most the last one.
 */
#ifndef QUEUED_USAGE_H
#define QUEUED_USAGE_H

#include "common/buf.h"
#include "common/clock.h"
#include "common/hash.h"

enum { USAGE_MINUTES = 60 };

struct usage {
	struct hash_node by_server;
	uint64_t server;
	uint64_t open_bytes;
	uint64_t bytes_limit; /* as last looked up; 0: none */
	uint64_t send_limit;
	int64_t minute; /* that the last counted copy was in; monotonic, and an hour more */
	uint32_t sent[USAGE_MINUTES];
};

/* Lives for ever: servers are few. */
struct usage *usage_of(uint64_t server);
void usage_each(void (*fn)(struct usage *u, void *arg), void *arg);
void usage_opened(struct usage *u, uint64_t bytes);
void usage_closed(struct usage *u, uint64_t bytes);
bool usage_over_bytes(const struct usage *u);

/* Copies counted in the hour before now. */
uint64_t usage_sent(struct usage *u, struct mono now);
void usage_count(struct usage *u, struct mono now);
/* When fewer than limit copies will be in the hour, if nothing more is sent. */
struct mono usage_room_at(struct usage *u, struct mono now, uint64_t limit);

/* As text for mail.db and back: minutes ago and count, from the oldest; "" when there is none. */
void usage_text(struct usage *u, struct mono now, struct buf *out);
/* ago_ms: how old the text is.  False: it is none. */
bool usage_read(struct usage *u, struct mono now, int64_t ago_ms, struct span text);

#endif
