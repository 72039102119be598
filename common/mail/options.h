/*
 * options.h - what the submitter of a message asks for besides its delivery: by header fields
 * (X-Postal-Tag, X-Posthaste-*) over SMTP, later by members of an API call.
 *
 *	X-Postal-Tag, X-Posthaste-Tag	text for the application's own statistics and filters
 *	X-Posthaste-Stream		name of a stream; queue.bulk_streams says which are bulk
 *	X-Posthaste-Metadata		a JSON object of strings, numbers and booleans, given back
 *					with every event
 *	X-Posthaste-Idempotency-Key	the same key again is the same message again
 *	X-Posthaste-Track		"opens", "clicks", both separated by a comma, or "no"
 *	X-Posthaste-Expires		how long it is worth to be tried: "10m", "36h", or a date
 *
 * A name that begins with X-Posthaste- and is none of these is an error: a mistyped option would
 * silently not work.  X-Posthaste-Ref is not an option: each delivered copy has one.
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
	OPTIONS_EXPIRES_DAYS = 365,
};

#define OPTIONS_REF "X-Posthaste-Ref"

enum options_track { TRACK_UNSET = 0, TRACK_NO = 1, TRACK_OPENS = 2, TRACK_CLICKS = 4 };

/* All texts are UTF-8 without control characters; "" is not given. */
struct options {
	char tag[OPTIONS_TAG_MAX + 1];
	char stream[OPTIONS_STREAM_MAX + 1]; /* a-z 0-9 and . _ - */
	char idempotency[OPTIONS_KEY_MAX + 1];
	char *metadata;	     /* owned; a compact JSON object, NULL: none */
	unsigned track;	     /* enum options_track, or-ed */
	struct wall expires; /* 0: not given */
};

enum option {
	OPTION_POSTAL_TAG, /* may be empty: no tag */
	OPTION_TAG,
	OPTION_STREAM,
	OPTION_METADATA,
	OPTION_IDEMPOTENCY,
	OPTION_TRACK,
	OPTION_EXPIRES,
	OPTION_COUNT,
	OPTION_UNKNOWN = OPTION_COUNT, /* begins with X-Posthaste- and is none */
	OPTION_NONE		       /* a field that has nothing to do with options */
};

/* Which option a header field of this name is. */
enum option options_find(struct span name);
/* The header field of an option below OPTION_COUNT. */
const char *options_name(enum option which);
/* For OPTION_UNKNOWN: the field that was probably meant, or NULL. */
const char *options_near(struct span name);
/* Sets one (below OPTION_COUNT) from its text, which has no blanks at its ends; what was set
 * before is replaced.  NULL, or what is wrong and what would be right, and *o is untouched. */
const char *options_set(struct options *o, enum option which, struct span text, struct wall now);

void options_done(struct options *o);

#endif
