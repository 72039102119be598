/*
 * timeline.h - a message's events as text for people; pure.
 *
 * One block a step: time, time since the copy's step before, event, what it says; below an
 * attempt the parts of which it was made.
 */
#ifndef CTL_TIMELINE_H
#define CTL_TIMELINE_H

#include <jansson.h>

#include "common/buf.h"

/* events: an array as of mailview_events(); those before number `from` were shown before, only
 * durations and days go on from them.  out is empty at the start. */
void timeline_text(const json_t *events, size_t from, struct buf *out);
/* Milliseconds since 1970 of 2026-11-23T18:44:32.123Z; -EINVAL. */
int timeline_time(struct span iso, int64_t *ms_out) MUST_CHECK;

#endif
