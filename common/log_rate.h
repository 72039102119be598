/*
 * log_rate.h - which of the lines that strangers can cause in any number are written; pure.
 *
 * Lines are told apart by event and key (mostly the client's address).  The first of each within a
 * period is always written, further ones up to LOG_RATE_KEY, and all further ones of an event up to
 * LOG_RATE_EVENT; the others are counted, and the count is told when the period is over.  Memory is
 * fixed: in a full table the oldest key is forgotten, so that its next line counts as a first one.
 */
#ifndef COMMON_LOG_RATE_H
#define COMMON_LOG_RATE_H

#include "common/span.h"

enum {
	LOG_RATE_PERIOD_MS = 60000,
	LOG_RATE_KEY = 10,    /* lines of one event and key in a period */
	LOG_RATE_EVENT = 500, /* lines of one event that are not the first of their key */
	LOG_RATE_SLOTS = 1024,
	LOG_RATE_EVENTS = 16
};

struct log_rate {
	struct log_rate_slot {
		uint64_t hash; /* of event and key; 0: free */
		int64_t since_ms;
		unsigned lines;
	} slots[LOG_RATE_SLOTS];
	struct log_rate_event {
		const char *name; /* NULL: free; a string that lives for ever */
		int64_t since_ms;
		unsigned lines, left_out;
	} events[LOG_RATE_EVENTS];
};

/* Is this line to be written? */
bool log_rate_pass(struct log_rate *r, const char *event, struct span key, int64_t now_ms);
/* The next event whose period is over and of which lines were left out: its name and their number,
 * which is then forgotten.  NULL: none. */
const char *log_rate_over(struct log_rate *r, int64_t now_ms, unsigned *left_out);

#endif
