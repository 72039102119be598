/*
 * date.h - times as people and programs write them: in header fields (RFC 5322) and in APIs
 * (RFC 3339).  Written they are by clock.h.
 */
#ifndef COMMON_MAIL_DATE_H
#define COMMON_MAIL_DATE_H

#include "common/clock.h"
#include "common/span.h"

/* Years 1970 to 9999 and no blanks at the ends; -EINVAL, *out untouched. */

/* "2026-11-24T10:00:00.5+01:00"; "t", "z" and a blank for the "T" are taken, too. */
int date_rfc3339(struct span s, struct wall *out) MUST_CHECK;
/* "Tue, 24 Nov 2026 10:00:00 +0100 (CET)"; the name of the day need not be there and is not
 * compared with the date.  Zones with a name: GMT, UT and UTC only. */
int date_rfc5322(struct span s, struct wall *out) MUST_CHECK;

#endif
