/*
 * queueview.h - open copies in mail.db as JSON objects, by a filter.
 */
#ifndef CTL_QUEUEVIEW_H
#define CTL_QUEUEVIEW_H

#include "common/mail/state.h"

#include "ctl/mailview.h"

enum { QUEUE_ANY_STATE = 255 };

/* All that is given must fit; an empty one fits every open copy. */
struct queue_filter {
	unsigned state; /* QUEUE_ANY_STATE: any */
	struct span id; /* queue id */
	struct span domain, rcpt, tag;
	uint64_t server;
	uint64_t older_ms; /* accepted at least so long ago */
};

enum { QUEUEVIEW_PAGE = 1000 };
/* At most max (and QUEUEVIEW_PAGE) copies behind a copy's number, an array of
 *	{"copy", "id", "recipient", "state", "hold", "attempts", "next_at", "last", "received",
 *	"server", "tag", "stream"} */
int queueview_page(struct mailview *v, const struct queue_filter *f, uint64_t after, size_t max,
		   json_t **out) MUST_CHECK;
/* {"open", "due", "states": {...}, "held": {reason: n}, "domains": [{"domain", "copies"}],
 * "servers": [{"server", "copies", "oldest"}]} */
int queueview_summary(struct mailview *v, json_t **out) MUST_CHECK;

#endif
