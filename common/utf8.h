/*
 * utf8.h - which bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
 */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include "common/buf.h"

/* Length of the well-formed character that s begins with (1 to 4); 0 if there is none. */
size_t utf8_length(struct span s);
bool utf8_valid(struct span s);
/* Adds s with each byte that is not part of a well-formed character replaced by U+FFFD. */
void utf8_repair(struct span s, struct buf *out);
/* s on one line for a reader: each control character, and each byte that is not part of a
 * well-formed character, as \xNN; cut where size (with the final NUL) does not suffice. */
void utf8_escape(struct span s, char *out, size_t size);

#endif
