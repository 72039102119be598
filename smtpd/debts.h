/*
 * debts.h - failures that are not forgiven yet, counted by key: leaky buckets in a table of fixed
 * size.
 *
 * A debt is the time at which all will be forgiven: each failure moves it on by refill_ms.  So
 * nothing has to be done as time passes, and a debt in the past is an empty place.  A key has
 * DEBTS_WAYS places to be in; when others hold them all, the smallest debt is forgotten.  Keys
 * come from a seeded hash, so nobody can choose whose places he takes: to have a debt of his
 * forgotten he must make about as many others as the table holds.
 *
 * Time comes as an argument; no pointers and no lock in here; all zeros is an empty table.  A
 * write that was cut off by a kill spoils one debt and nothing else.
 */
#ifndef SMTPD_DEBTS_H
#define SMTPD_DEBTS_H

#include "common/clock.h"

enum { DEBTS_SETS = 4096, DEBTS_WAYS = 8 };

struct debt {
	uint64_t key;
	struct mono until;
};

struct debts {
	struct debt at[DEBTS_SETS][DEBTS_WAYS];
};

/* Are fewer than limit failures of the key unforgiven? */
bool debts_below(const struct debts *t, uint64_t key, uint32_t limit, int64_t refill_ms,
		 struct mono now);
void debts_add(struct debts *t, uint64_t key, int64_t refill_ms, struct mono now);
void debts_forgive(struct debts *t, uint64_t key);

#endif
