/*
 * state.h - the states of a copy.  Names and numbers are fixed: they are stored, and part of the
 * command's and later the API's contract.
 */
#ifndef COMMON_MAIL_STATE_H
#define COMMON_MAIL_STATE_H

#include "common/span.h"

/* STATE(NAME, number, "name", final) */
#define STATES(STATE)                            \
	STATE(QUEUED, 0, "queued", false)        \
	STATE(DEFERRED, 1, "deferred", false)    \
	STATE(HELD, 2, "held", false)            \
	STATE(SUPPRESSED, 3, "suppressed", true) \
	STATE(DELIVERED, 4, "delivered", true)   \
	STATE(FAILED, 5, "failed", true)         \
	STATE(BOUNCED, 6, "bounced", true)       \
	STATE(CANCELLED, 7, "cancelled", true)   \
	STATE(EXPIRED, 8, "expired", true)

enum copy_state {
#define STATE(NAME, number, text, final) STATE_##NAME = number,
	STATES(STATE)
#undef STATE
};

/* What the command may ask queued to do with open copies (ipc.def, CHANGE). */
enum queue_action { QUEUE_HOLD = 1, QUEUE_RELEASE = 2, QUEUE_RETRY = 3, QUEUE_CANCEL = 4 };

const char *state_name(uint64_t state); /* "?" when unknown */
bool state_final(enum copy_state state);

#endif
