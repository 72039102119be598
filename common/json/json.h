/*
 * json.h - JSON text that is written without a tree (events, in queued's transaction) or kept as
 * it was written.  Reading, and all else, is jansson's.
 */
#ifndef COMMON_JSON_JSON_H
#define COMMON_JSON_JSON_H

#include "common/buf.h"

/* The bytes as a JSON string in quotes (RFC 8259); what is not UTF-8 becomes U+FFFD. */
void json_add_string(struct buf *out, struct span s);
/* Adds a text that is valid JSON without the blanks between its parts.  Numbers and strings stay
 * as they were written: jansson would make 1.1 1.1000000000000001. */
void json_add_compact(struct buf *out, struct span text);

#endif
