/*
 * qid.h - queue ids: 32 lower-case hex digits, a UUID of version 7 (RFC 9562 5.7) without dashes.
 *
 * They sort by the millisecond in which they were made; 74 bits are random.  Made of hex digits
 * only they are safe as file names.
 */
#ifndef COMMON_MAIL_QID_H
#define COMMON_MAIL_QID_H

#include "common/clock.h"
#include "common/span.h"

enum { QID_TEXT = 32, QID_TEXT_SIZE = 33 };

struct qid {
	char s[QID_TEXT_SIZE];
};

/* now in 1970 or later; sodium_init() must have been called. */
struct qid qid_make(struct wall now);
/* Exactly 32 digits 0-9a-f (version and variant are not looked at); -EINVAL, *out untouched. */
int qid_parse(struct span s, struct qid *out) MUST_CHECK;

#endif
