/*
 * options.h - what the submitter of a message asks for besides its delivery: by header fields
 * (X-Postal-Tag, X-Posthaste-*) over SMTP, later by members of an API call.
 *
 *	X-Postal-Tag, X-Posthaste-Tag	text for the application's own statistics and filters
 *	X-Posthaste-Stream		name of a stream; queue.bulk_streams says which are bulk
 *	X-Posthaste-Metadata		a JSON object of strings, given back with every event
 *	X-Posthaste-Idempotency-Key	the same key again is the same message again
 *	X-Posthaste-Track		"opens", "clicks", both separated by a comma, or "no"
 *	X-Posthaste-Expires		how long it is worth to be tried: "10m", "36h", or a date
 */
#ifndef COMMON_MAIL_OPTIONS_H
#define COMMON_MAIL_OPTIONS_H

#include "common/buf.h"
#include "common/clock.h"

enum {
	OPTIONS_TAG_MAX = 255,
	OPTIONS_STREAM_MAX = 64,
	OPTIONS_METADATA_MAX = 4096, /* as compact JSON */
	OPTIONS_KEY_MAX = 255,
};

enum options_track { TRACK_UNSET = 0, TRACK_NO = 1, TRACK_OPENS = 2, TRACK_CLICKS = 4 };

/* All texts are UTF-8 without control characters; "" is not given. */
struct options {
	char tag[OPTIONS_TAG_MAX + 1];
	char stream[OPTIONS_STREAM_MAX + 1]; /* a-z 0-9 and . _ - */
	char idempotency[OPTIONS_KEY_MAX + 1];
	char *metadata;	    /* owned; a compact JSON object, NULL: none */
	unsigned track;	    /* enum options_track, or-ed */
	struct wall expires; /* 0: not given */
};

void options_done(struct options *o);

#endif
