/*
 * outcome.h - how an attempt to do something for a mail ended.
 *
 * Whatever we are not sure of is TEMP: only a certain, permanent refusal ends a delivery.
 */
#ifndef COMMON_OUTCOME_H
#define COMMON_OUTCOME_H

#include "common/span.h"

enum outcome_kind { OUTCOME_DONE = 0, OUTCOME_TEMP = 1, OUTCOME_PERM = 2 };

enum { OUTCOME_TEXT_MAX = 1024, OUTCOME_STATUS_SIZE = 12 };

struct outcome {
	enum outcome_kind kind;
	uint16_t code;			  /* SMTP reply code; 0: the remote did not speak */
	char status[OUTCOME_STATUS_SIZE]; /* enhanced status code, RFC 3463: "5.1.1" */
	char text[OUTCOME_TEXT_MAX];	  /* one line, control characters escaped as \xNN */
};

/* Text is cut at OUTCOME_TEXT_MAX and escaped. */
void outcome_set(struct outcome *o, enum outcome_kind kind, uint16_t code, const char *status,
		 struct span text);
const char *outcome_name(enum outcome_kind kind); /* "done", "temporary", "permanent" */

#endif
