/*
 * places.h - the sessions of all workers, as a table of fixed size: who holds which place, and how
 * many of them have one key (an address at one kind of door).
 *
 * What counts is the worker noted in each place; chains, the free list and the sums can be made
 * from that at any time, by places_mend(), whatever a killed worker left half-done.  It holds no
 * pointers, so that processes may share it.  No lock, clock or hash in here; all zeros is an
 * empty table.
 */
#ifndef SMTPD_PLACES_H
#define SMTPD_PLACES_H

#include "common/base.h"

/* the most that smtpd.sessions may be; a page that no place was ever taken from costs nothing */
enum { PLACES_MAX = 100000, PLACES_CHAINS = 16384 };

struct place {
	uint64_t key;	     /* well mixed: the low bits choose the chain */
	uint32_t next, prev; /* in the chain of its key, or next in the free list; 0: none */
	uint16_t worker;     /* 1 + its index; 0: free */
	bool mx;
};

struct places {
	uint32_t total, mx; /* places that are held, and those of them at mx doors */
	uint32_t made;	    /* at[1 .. made] were used at some time */
	uint32_t free;
	uint32_t chains[PLACES_CHAINS];
	struct place at[1 + PLACES_MAX];
};

/* Takes a place; 0 when there is none left. */
uint32_t places_take(struct places *t, uint64_t key, unsigned worker, bool mx);
void places_give(struct places *t, uint32_t place);
/* Gives all that this worker holds. */
void places_give_all(struct places *t, unsigned worker);
/* Are at least so many places held under the key? */
bool places_reach(const struct places *t, uint64_t key, uint32_t limit);
/* Makes everything anew from what each place says of its worker. */
void places_mend(struct places *t);

#endif
