/*
 * convo.h - the SMTP conversation of an attempt as text, for those who look for the reason; pure.
 *
 *	line  = ms SP dir SP text LF	; ms since the attempt began; control characters as \xNN
 *	dir   = ">" (sent) / "<" (received) / "=" (what happened)
 *
 * Bounded by CONVO_MAX bytes: of what comes later only the number of lines is told.
 */
#ifndef DELIVERD_CONVO_H
#define DELIVERD_CONVO_H

#include "common/buf.h"
#include "common/clock.h"

enum { CONVO_MAX = 8000, CONVO_LINE_MAX = 600 };

struct convo {
	struct mono start;
	struct buf text;
	unsigned left_out; /* lines */
	char dir;	   /* of the line that is being gathered */
	int64_t ms;	   /* when it began */
	size_t n;
	bool cut; /* it is longer than CONVO_LINE_MAX */
	uint8_t line[CONVO_LINE_MAX];
};

void convo_init(struct convo *c, struct mono start);
void convo_done(struct convo *c);
/* dir '>' or '<'; lines may come in pieces. */
void convo_add(struct convo *c, char dir, struct span bytes, struct mono now);
void convo_note(struct convo *c, const char *text, struct mono now);
/* Ends the line that is being gathered.  The whole, until the next call. */
struct span convo_text(struct convo *c);

#endif
