/*
 * plan.h - which copy may go now: the scheduler, pure (time comes in as an argument).
 *
 * A copy is due at a time.  When it is, it goes as soon as there is a place for it among those in
 * flight: in its lane (today its recipient domain, whose places are few so that no destination is
 * flooded) and in all.  Who goes first:
 *
 *   classes   transactional before bulk.  A part of the places, of each lane and of all, is
 *             reserved: bulk never uses it.  When both could go every fifth is bulk.
 *   tenants   those of a class take turns, one copy each.
 *   shares    a tenant that has PLAN_SHARE times as many in flight as the class still has places
 *             waits.  So one whose destinations are slow leaves room for the next, which leaves
 *             some again; alone it has PLAN_SHARE of PLAN_SHARE + 1 places.
 *   lanes     the lanes to which a tenant may send take turns.
 *   places    the tenants of a class that wait for a full lane take turns for each place that
 *             becomes free there, whatever else they have to send.
 *   time      what one tenant has for one lane goes in the order in which it is due, then in that
 *             of adding.
 *
 * What has once been due stays due, even if a later call comes with an earlier time.
 */
#ifndef QUEUED_PLAN_H
#define QUEUED_PLAN_H

#include "common/conf/conf.h"
#include "common/hash.h"
#include "common/heap.h"

enum plan_class { PLAN_TRANSACTIONAL, PLAN_BULK };
enum { PLAN_CLASSES = 2, PLAN_SHARE = 4 };

struct plan_key {
	struct span domain; /* the recipient's, in lower case; copied */
	uint64_t tenant;    /* the mail server's number */
	enum plan_class class;
};

struct plan_limits {
	unsigned domain;	   /* in flight for one domain */
	unsigned total;		   /* in flight in all */
	unsigned reserved_percent; /* of both, not for bulk; one place is always left for bulk */
};

/* Part of the owner's struct, zeroed at first; all its fields are the planner's. */
struct plan_entry {
	struct heap_node due; /* in the plan's heap or the flow's */
	struct plan_flow *flow;
	enum { PLAN_NOWHERE, PLAN_LATER, PLAN_DUE, PLAN_IN_FLIGHT } where;
};

struct plan_link {
	struct plan_link *prev, *next;
};

/* Who uses the places that are limited together. */
struct plan_places {
	unsigned in_flight[PLAN_CLASSES];
	unsigned held[PLAN_CLASSES]; /* free, kept for a flow whose turn it is (plan.c) */
};

/* All its fields are the planner's.  It may not be moved. */
struct plan {
	struct plan_limits limits;
	struct plan_places places;
	struct heap later;	/* entries that are not due */
	struct heap ages;	/* flows that have due entries, by their first */
	struct heap ready_ages; /* those of them that are ready */
	struct hash lanes, tenants, flows;
	struct plan_link ready[PLAN_CLASSES]; /* tenants */
	size_t due;			      /* entries in all flows */
	unsigned run;			      /* transactional ones since the last bulk */
};

void plan_init(struct plan *p, const struct plan_limits *limits);
/* Entries are their owners'. */
void plan_done(struct plan *p);
/* In force at once; what is in flight stays so, even above the new limits. */
void plan_limits_set(struct plan *p, const struct plan_limits *limits);

/* From now on it is to be delivered at due_ms.  It must be nowhere. */
void plan_add(struct plan *p, struct plan_entry *e, const struct plan_key *key, int64_t due_ms);
/* The next that may go at now_ms, now in flight; NULL: none. */
struct plan_entry *plan_take(struct plan *p, int64_t now_ms);
/* Takes it out, in whatever state it is; if it was in flight, its place is free. */
void plan_remove(struct plan *p, struct plan_entry *e);
/* Counts e, which must be nowhere, as in flight, even above the limits (a worker had it before we
 * started). */
void plan_lock(struct plan *p, struct plan_entry *e, const struct plan_key *key);

bool plan_is_in_flight(const struct plan_entry *e);
unsigned plan_in_flight(const struct plan *p);
/* When the next one becomes due, after what plan_take() or plan_waiting() found due last: that
 * waits for a place only and doesn't count.  INT64_MAX: nothing waits for a time. */
int64_t plan_next_due(const struct plan *p);
/* Does any that is due wait for a place among all or for its tenant's share, not only for one in
 * its lane?  And since when the first of them (its due time).  As plan_take() last found it. */
bool plan_is_short(const struct plan *p, int64_t *oldest_ms_out);
/* How many are due at now_ms and not in flight, and since when the first of them (its due time; 0
 * when there is none). */
void plan_waiting(struct plan *p, int64_t now_ms, size_t *count_out, int64_t *oldest_ms_out);

/* Times of retries: plan_retry.c.  attempts: that have failed, 1 or more. */

/* How long to wait; roll: 0 to 99 spreads it by up to a tenth, so that what failed together does
 * not come back together. */
int64_t plan_retry_ms(const struct conf_times *times, unsigned attempts, unsigned roll);
/* When to try again: after wait_ms, but at end_ms at the latest, where the lifetime ends and one
 * last try is made.  Past it (plan_expired() may say no) as if it had no end. */
int64_t plan_next_ms(int64_t now_ms, int64_t wait_ms, int64_t end_ms);
/* Is the copy's time up?  Its age alone doesn't tell: the clock may have jumped, or we did not run.
 * The waits that belong to its attempts must make up a quarter of the lifetime, too. */
bool plan_expired(const struct conf_times *times, unsigned attempts, int64_t age_ms,
		  int64_t lifetime_ms);

#endif
