/*
 * suggest.h - "did you mean": the nearest of some words, if one is near enough.
 *
 *	suggest_init(&s, word);
 *	for each candidate: suggest_try(&s, candidate);
 *	if (s.best.n) ...
 *
 * Nothing is copied: word and the candidates have to live as long as s is used.
 */
#ifndef COMMON_CONF_SUGGEST_H
#define COMMON_CONF_SUGGEST_H

#include "common/span.h"

enum { SUGGEST_WORD_MAX = 64 }; /* longer words have no neighbours */

struct suggest {
	struct span word;
	struct span best; /* empty: nothing is near */
	size_t distance;  /* of best; before there is one, the first distance that is too far */
};

void suggest_init(struct suggest *s, struct span word);
/* Of two equally near candidates the first one stays. */
void suggest_try(struct suggest *s, struct span candidate);

/* Insertions, deletions, changes and swaps of two neighbours that make b of a; ASCII letters of
 * either case are equal.  SIZE_MAX when one of them is longer than SUGGEST_WORD_MAX. */
size_t suggest_distance(struct span a, struct span b);

#endif
