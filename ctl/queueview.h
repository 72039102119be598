/*
 * queueview.h - open copies in mail.db as JSON objects, by a filter.
 */
#ifndef CTL_QUEUEVIEW_H
#define CTL_QUEUEVIEW_H

#include "common/mail/addr.h"
#include "common/mail/state.h"

#include "ctl/mailview.h"

enum { QUEUE_ANY_STATE = 255 };

/* All that is given must fit; an empty one fits every open copy. */
struct queue_filter {
	unsigned state; /* QUEUE_ANY_STATE: any */
	struct domain domain;
	struct addr rcpt;
	struct span tag;
	uint64_t server;
	uint64_t older_ms; /* accepted at least so long ago */
};

enum { QUEUEVIEW_PAGE = 1000 };
/* At most max (and QUEUEVIEW_PAGE) copies behind a copy's number, an array of
 *	{"copy", "id", "recipient", "state", "hold", "attempts", "next_at", "last", "received",
 *	"server", "tag", "stream"} */
int queueview_page(struct mailview *v, const struct queue_filter *f, uint64_t after, size_t max,
		   json_t **out) MUST_CHECK;
/* The same of what ref names, as far as it is open. */
int queueview_of(struct mailview *v, const struct mailview_ref *ref, json_t **out) MUST_CHECK;
/* {"open", "due", "oldest", "states": {...}, "held": {reason: n},
 * "domains": [{"domain", "copies"}], "servers": [{"server", "copies", "oldest"}]}; oldest is when
 * the first of them was accepted. */
int queueview_summary(struct mailview *v, json_t **out) MUST_CHECK;

#endif
