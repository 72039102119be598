/*
 * pace.h - how long a session may take: for a command, for the content of a message, in all.
 *
 * A command has its time from the answer to the one before it until it is complete, however its
 * bytes drip; so has a TLS handshake.  Content may pause for that time as well, but must come at
 * a rate, on average, once its first minute is over.  The session's own time ends it only between
 * messages.  Pure: the driver says what happens and when, and asks.
 */
#ifndef SMTPD_PACE_H
#define SMTPD_PACE_H

#include "common/clock.h"

/* The time for a command while places are short (Postfix's stress mode has the same). */
enum { PACE_CROWDED_MS = 10000, PACE_START_MS = 60000 };

struct pace_limits {
	int64_t command_ms, session_ms;
	uint32_t rate; /* bytes a second; 0: any */
	bool crowded;
};

struct pace {
	struct mono session; /* when it began */
	struct mono turn;    /* when this command, or this content, was begun to be waited for */
	struct mono heard;   /* the last bytes of content */
	uint64_t bytes;	     /* of content in this turn */
	bool content;
};

enum pace_verdict { PACE_GOOD, PACE_IDLE, PACE_SLOW, PACE_LONG };

void pace_init(struct pace *p, struct mono now);
/* It is the client's turn: a command (content = false), or the bytes of a message. */
void pace_turn(struct pace *p, bool content, struct mono now);
/* So many bytes of content came. */
void pace_heard(struct pace *p, size_t n, struct mono now);
enum pace_verdict pace_check(const struct pace *p, const struct pace_limits *l, struct mono now);

#endif
