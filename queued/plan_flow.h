/*
 * plan_flow.h - what the entries of a plan share: lanes, tenants, and flows, where both meet.
 *
 * Each exists once and as long as entries need it.  A flow holds its lane and its tenant, an entry
 * that is anywhere in the plan holds its flow.
 */
#ifndef QUEUED_PLAN_FLOW_H
#define QUEUED_PLAN_FLOW_H

#include "queued/plan.h"

/* Where places are limited: a recipient domain. */
struct plan_lane {
	struct hash_node node;
	struct plan_places places;
	struct plan_link waiting[PLAN_CLASSES]; /* flows */
	size_t flows;
	size_t name_n;
	uint8_t name[];
};

/* A flow is ready because nobody wanted the places of its lane, or because it waited and one is
 * held for it. */
enum plan_ready { READY_FREE, READY_HELD, READY_KINDS };

/* A tenant in one class. */
struct plan_tenant {
	struct hash_node node;
	struct plan_tenant_key {
		uint64_t number, class;
	} key;
	struct plan_link link;		     /* in plan.ready while it has a ready flow */
	struct plan_link ready[READY_KINDS]; /* flows */
	enum plan_ready turn;
	unsigned in_flight;
	size_t flows;
};

struct plan_flow {
	struct hash_node node;
	struct plan_flow_key {
		struct plan_lane *lane;
		struct plan_tenant *tenant;
	} of;
	struct plan_link link; /* in the lane's list or in one of the tenant's */
	enum { FLOW_EMPTY, FLOW_WAITING, FLOW_FREE, FLOW_HELD } state;
	struct heap due;	    /* entries */
	struct heap_node age;	    /* in plan.ages; the key is that of the first entry */
	struct heap_node ready_age; /* in plan.ready_ages, with the same key */
	size_t entries;		    /* in any state */
};

/* A list: a head that is linked to itself when empty. */
void plan_list_init(struct plan_link *head);
void plan_list_append(struct plan_link *head, struct plan_link *link);
void plan_list_prepend(struct plan_link *head, struct plan_link *link);
void plan_list_remove(struct plan_link *link);
struct plan_link *plan_list_first(const struct plan_link *head); /* NULL when empty */

/* The key's flow, which counts one entry more. */
struct plan_flow *plan_flow_hold(struct plan *p, const struct plan_key *key);
/* One entry less.  With the last the flow ends; it must be empty. */
void plan_flow_release(struct plan *p, struct plan_flow *f);
void plan_flows_free(struct plan *p);

static inline enum plan_class plan_flow_class(const struct plan_flow *f)
{
	return (enum plan_class)f->of.tenant->key.class;
}

#endif
