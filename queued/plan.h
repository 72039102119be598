/*
 * plan.h - which copy may go now: the scheduler, pure (time comes in as an argument).
 *
 * A copy is due at a wall time.  Of those due, the one due first goes, unless as many copies for
 * its recipient domain as are allowed are being delivered: then it waits with its domain and
 * goes, in its turn, when one of them ends.
 */
#ifndef QUEUED_PLAN_H
#define QUEUED_PLAN_H

#include "common/conf/conf.h"
#include "common/hash.h"
#include "common/heap.h"

struct plan_domain;
enum plan_class { PLAN_TRANSACTIONAL, PLAN_BULK };
struct plan_key {
	struct span domain;
	uint64_t tenant;
	enum plan_class class;
};
struct plan_limits {
	unsigned domain, total, reserved_percent;
};

/* Part of the owner's struct; all its fields are the planner's. */
struct plan_entry {
	struct heap_node due;
	struct plan_domain *domain;
	bool parked, in_flight;
};

struct plan {
	struct heap due;
	struct hash domains;
	unsigned domain_limit, flying;
};

void plan_init(struct plan *p, const struct plan_limits *l);
void plan_limits_set(struct plan *p, const struct plan_limits *l);
void plan_waiting(struct plan *p, int64_t now, size_t *n, int64_t *o);
unsigned plan_in_flight(const struct plan *p);
bool plan_is_in_flight(const struct plan_entry *e);
bool plan_expired(const struct conf_times *t, unsigned attempts, int64_t age, int64_t lifetime);
void plan_done(struct plan *p);
/* From now on it is to be delivered at due_ms.  Not while it is in flight. */
void plan_add(struct plan *p, struct plan_entry *e, const struct plan_key *k, int64_t due_ms);
/* The next that may go at now_ms, now in flight; NULL: none. */
struct plan_entry *plan_take(struct plan *p, int64_t now_ms);
/* Takes it out, in whatever state it is; frees its place at the domain if it was in flight. */
void plan_remove(struct plan *p, struct plan_entry *e);
/* Counts e, which is not planned, as in flight (a worker had it before we started). */
void plan_lock(struct plan *p, struct plan_entry *e, const struct plan_key *k);
/* When the next one is due; INT64_MAX: nothing waits for a time. */
int64_t plan_next_due(const struct plan *p);

/* How long to wait after so many failed attempts (1 or more); roll: 0 to 99 spreads it by up to a
 * tenth, so that what failed together does not come back together. */
int64_t plan_retry_ms(const struct conf_times *times, unsigned attempts, unsigned roll);

#endif
