/*
 * plan.c - see plan.h.
 *
 * An entry that isn't due is in plan.later.  When it is due it moves to its flow: what one tenant
 * has in one class for one lane.  A flow with due entries is in exactly one list:
 *
 *   ready at its tenant   and the tenant is in the plan's ring of its class.  Either free: when it
 *                         came the lane had a place that nobody waited for; the next in the ring
 *                         may be quicker.  Or held: it waited, and a place was kept for it.
 *   waiting at its lane   in the order of turns.
 *
 * Invariant: a flow waits only while all places of the lane that its class may use are in flight or
 * held for flows of its class, and these are ready; so no free place is forgotten.  Whatever frees
 * a place, or gives one up that was held, calls hand_out().  A flow found ready whose place is gone
 * (the other class took it, or the limits shrank) waits again, a held one first of all.
 *
 * A tenant that has used up its share stays in the ring, where it is passed over, but holds no
 * place of a lane: it gives them up to those that can use them, and its flows are free ones.
 *
 * A tenant takes from its free and its held flows by turns: held ones are soon served, because
 * others wait behind them, and cannot shut out the free ones.
 *
 * Each step of a loop here either gives out an entry or moves a flow once, which an entry that was
 * added, given out or ended has paid for, or passes over a tenant that has PLAN_SHARE in flight or
 * more; all else is a heap's O(log n).  The number of tenants and
 * lanes plays no part: with 100,000 copies due, to give out one and end it took 0.2 to 0.4
 * microseconds with 1 and with 1,000 tenants, with 1 and with 10,000 domains.
 */
#include "queued/plan_flow.h"

enum { BULK_EVERY = 5 };

void plan_init(struct plan *p, const struct plan_limits *limits)
{
	*p = (struct plan){.limits = *limits};
	for (int c = 0; c < PLAN_CLASSES; c++)
		plan_list_init(&p->ready[c]);
}

void plan_done(struct plan *p)
{
	plan_flows_free(p);
	heap_done(&p->later);
	heap_done(&p->ages);
	heap_done(&p->ready_ages);
}

/* places */

/* How many of max bulk may use: a reserved part is rounded up, but one is left. */
static unsigned bulk_max(const struct plan_limits *l, unsigned max)
{
	unsigned reserved = (unsigned)(((uint64_t)max * l->reserved_percent + 99) / 100);

	return reserved < max ? max - reserved : 1;
}

/* How many places are left for the class. */
static unsigned room(const struct plan_limits *l, unsigned max, const struct plan_places *s,
		     enum plan_class class, unsigned held)
{
	unsigned bulk = s->in_flight[PLAN_BULK] + held;
	unsigned all = s->in_flight[PLAN_TRANSACTIONAL] + bulk;
	unsigned left = all < max ? max - all : 0;

	if (class == PLAN_BULK) {
		unsigned most = bulk_max(l, max), bulk_left = bulk < most ? most - bulk : 0;

		left = bulk_left < left ? bulk_left : left;
	}
	return left;
}

static unsigned room_in_all(const struct plan *p, enum plan_class class)
{
	return room(&p->limits, p->limits.total, &p->places, class, 0);
}

static bool within_share(const struct plan *p, const struct plan_tenant *t)
{
	return t->in_flight < PLAN_SHARE * room_in_all(p, (enum plan_class)t->key.class);
}

/* A place that is neither in flight nor held for another flow of the class. */
static bool lane_has_room(const struct plan *p, const struct plan_flow *f)
{
	const struct plan_places *s = &f->of.lane->places;
	enum plan_class class = plan_flow_class(f);

	return room(&p->limits, p->limits.domain, s, class,
		    f->state == FLOW_HELD ? 0 : s->held[class]) > 0;
}

/* flows */

static bool is_ready(const struct plan_tenant *t)
{
	return plan_list_first(&t->ready[READY_FREE]) || plan_list_first(&t->ready[READY_HELD]);
}

/* The node of a flow gets the key of its first entry. */
static void set_key(struct heap *h, struct heap_node *node, const struct heap_node *first)
{
	if (first && node->at && node->key == first->key)
		return;
	heap_remove(h, node);
	if (first)
		heap_add(h, node, first->key);
}

static void make_ready(struct plan *p, struct plan_flow *f, enum plan_ready kind)
{
	struct plan_tenant *t = f->of.tenant;

	if (!is_ready(t))
		plan_list_append(&p->ready[plan_flow_class(f)], &t->link);
	plan_list_append(&t->ready[kind], &f->link);
	set_key(&p->ready_ages, &f->ready_age, heap_first(&f->due));
	f->state = kind == READY_HELD ? FLOW_HELD : FLOW_FREE;
	if (kind == READY_HELD)
		f->of.lane->places.held[plan_flow_class(f)]++;
}

/* Out of its list; a place that was held for it is free, hand_out() is the caller's. */
static void unlink_flow(struct plan *p, struct plan_flow *f)
{
	bool was_ready = f->state == FLOW_FREE || f->state == FLOW_HELD;

	plan_list_remove(&f->link);
	heap_remove(&p->ready_ages, &f->ready_age);
	if (f->state == FLOW_HELD)
		f->of.lane->places.held[plan_flow_class(f)]--;
	f->state = FLOW_EMPTY;
	if (was_ready && !is_ready(f->of.tenant))
		plan_list_remove(&f->of.tenant->link);
}

/* A flow that has due entries and is in no list. */
static void enter(struct plan *p, struct plan_flow *f)
{
	if (lane_has_room(p, f)) {
		make_ready(p, f, READY_FREE);
		return;
	}
	plan_list_append(&f->of.lane->waiting[plan_flow_class(f)], &f->link);
	f->state = FLOW_WAITING;
}

/* A ready flow found no place. */
static void wait_again(struct plan *p, struct plan_flow *f)
{
	struct plan_link *list = &f->of.lane->waiting[plan_flow_class(f)];
	bool its_turn = f->state == FLOW_HELD;

	unlink_flow(p, f);
	if (its_turn)
		plan_list_prepend(list, &f->link);
	else
		plan_list_append(list, &f->link);
	f->state = FLOW_WAITING;
}

/* Holds free places for those that wait.  Both classes may be offered the same place: the first
 * that comes for it has it, so that a transactional copy never waits for a bulk one that hasn't
 * begun. */
static void hand_out(struct plan *p, struct plan_lane *lane)
{
	for (int c = 0; c < PLAN_CLASSES; c++) {
		struct plan_link *first;

		while ((first = plan_list_first(&lane->waiting[c]))) {
			struct plan_flow *f = container_of(first, struct plan_flow, link);

			if (!lane_has_room(p, f))
				break;
			unlink_flow(p, f);
			make_ready(p, f, within_share(p, f->of.tenant) ? READY_HELD : READY_FREE);
		}
	}
}

/* A ready tenant that has used up its share. */
static void give_up_held(struct plan *p, struct plan_tenant *t)
{
	struct plan_link *first;

	while ((first = plan_list_first(&t->ready[READY_HELD]))) {
		struct plan_flow *f = container_of(first, struct plan_flow, link);

		plan_list_remove(&f->link);
		plan_list_append(&t->ready[READY_FREE], &f->link);
		f->state = FLOW_FREE;
		f->of.lane->places.held[plan_flow_class(f)]--;
		hand_out(p, f->of.lane);
	}
}

static void hand_out_node(struct hash_node *node, void *arg)
{
	hand_out(arg, container_of(node, struct plan_lane, node));
}

void plan_limits_set(struct plan *p, const struct plan_limits *limits)
{
	const struct plan_limits old = p->limits;

	p->limits = *limits;
	if (old.domain != limits->domain || old.reserved_percent != limits->reserved_percent)
		hash_each(&p->lanes, hand_out_node, p);
}

/* After the flow's due entries changed. */
static void set_age(struct plan *p, struct plan_flow *f)
{
	struct heap_node *first = heap_first(&f->due);

	set_key(&p->ages, &f->age, first);
	if (f->ready_age.at)
		set_key(&p->ready_ages, &f->ready_age, first);
	if (!first)
		heap_done(&f->due); /* there may be many flows that have only later entries */
}

/* entries */

static struct plan_entry *entry_of(struct heap_node *node)
{
	return container_of(node, struct plan_entry, due);
}

static void begin_in_flight(struct plan *p, struct plan_entry *e)
{
	enum plan_class class = plan_flow_class(e->flow);

	e->where = PLAN_IN_FLIGHT;
	e->flow->of.lane->places.in_flight[class]++;
	e->flow->of.tenant->in_flight++;
	p->places.in_flight[class]++;
}

void plan_add(struct plan *p, struct plan_entry *e, const struct plan_key *key, int64_t due_ms)
{
	must(e->where == PLAN_NOWHERE);
	e->flow = plan_flow_hold(p, key);
	e->where = PLAN_LATER;
	heap_add(&p->later, &e->due, due_ms);
}

void plan_lock(struct plan *p, struct plan_entry *e, const struct plan_key *key)
{
	must(e->where == PLAN_NOWHERE);
	e->flow = plan_flow_hold(p, key);
	begin_in_flight(p, e);
}

static void find_due(struct plan *p, int64_t now_ms)
{
	struct heap_node *first;

	while ((first = heap_first(&p->later)) && first->key <= now_ms) {
		struct plan_entry *e = entry_of(first);

		heap_remove(&p->later, first);
		heap_add(&e->flow->due, first, first->key);
		e->where = PLAN_DUE;
		p->due++;
		if (e->flow->state == FLOW_EMPTY)
			enter(p, e->flow);
		set_age(p, e->flow);
	}
}

static void out_of_flow(struct plan *p, struct plan_entry *e)
{
	heap_remove(&e->flow->due, &e->due);
	p->due--;
	set_age(p, e->flow);
}

static void end_in_flight(struct plan *p, struct plan_entry *e)
{
	enum plan_class class = plan_flow_class(e->flow);

	e->flow->of.lane->places.in_flight[class]--;
	e->flow->of.tenant->in_flight--;
	p->places.in_flight[class]--;
	hand_out(p, e->flow->of.lane);
}

void plan_remove(struct plan *p, struct plan_entry *e)
{
	struct plan_flow *f = e->flow;

	switch (e->where) {
	case PLAN_NOWHERE:
		return;
	case PLAN_LATER:
		heap_remove(&p->later, &e->due);
		break;
	case PLAN_DUE:
		out_of_flow(p, e);
		if (f->due.n == 0) {
			unlink_flow(p, f);
			hand_out(p, f->of.lane);
		}
		break;
	case PLAN_IN_FLIGHT:
		end_in_flight(p, e);
		break;
	}
	e->where = PLAN_NOWHERE;
	e->flow = NULL;
	plan_flow_release(p, f);
}

/* taking */

static struct plan_flow *next_flow(const struct plan_tenant *t)
{
	struct plan_link *first = plan_list_first(&t->ready[t->turn]);

	if (!first)
		first = plan_list_first(&t->ready[t->turn == READY_FREE ? READY_HELD : READY_FREE]);
	return container_of(first, struct plan_flow, link);
}

/* The class's flow whose turn it is, or NULL; those that turn out to have no place wait again. */
static struct plan_flow *find_flow(struct plan *p, enum plan_class class)
{
	struct plan_link *ring = &p->ready[class], *next;

	if (!room_in_all(p, class))
		return NULL;
	for (struct plan_link *link = ring->next; link != ring; link = next) {
		struct plan_tenant *t = container_of(link, struct plan_tenant, link);

		if (!within_share(p, t))
			give_up_held(p, t);
		next = link->next;
		while (within_share(p, t) && is_ready(t)) {
			struct plan_flow *f = next_flow(t);

			if (lane_has_room(p, f))
				return f;
			wait_again(p, f);
		}
	}
	return NULL;
}

static struct plan_entry *take_from(struct plan *p, struct plan_flow *f)
{
	struct plan_entry *e = entry_of(heap_first(&f->due));
	struct plan_tenant *t = f->of.tenant;

	t->turn = f->state == FLOW_HELD ? READY_FREE : READY_HELD;
	unlink_flow(p, f);
	if (is_ready(t)) {
		plan_list_remove(&t->link);
		plan_list_append(&p->ready[plan_flow_class(f)], &t->link);
	}
	out_of_flow(p, e);
	begin_in_flight(p, e);
	if (f->due.n)
		enter(p, f);
	return e;
}

struct plan_entry *plan_take(struct plan *p, int64_t now_ms)
{
	bool bulk_first = p->run >= BULK_EVERY - 1;
	struct plan_flow *f;

	find_due(p, now_ms);
	f = find_flow(p, bulk_first ? PLAN_BULK : PLAN_TRANSACTIONAL);
	if (!f)
		f = find_flow(p, bulk_first ? PLAN_TRANSACTIONAL : PLAN_BULK);
	if (!f)
		return NULL;
	if (plan_flow_class(f) == PLAN_BULK)
		p->run = 0;
	else if (!bulk_first)
		p->run++;
	return take_from(p, f);
}

/* questions */

bool plan_is_in_flight(const struct plan_entry *e)
{
	return e->where == PLAN_IN_FLIGHT;
}

unsigned plan_in_flight(const struct plan *p)
{
	return p->places.in_flight[PLAN_TRANSACTIONAL] + p->places.in_flight[PLAN_BULK];
}

int64_t plan_next_due(const struct plan *p)
{
	struct heap_node *first = heap_first(&p->later);

	return first ? first->key : INT64_MAX;
}

bool plan_is_short(const struct plan *p, int64_t *oldest_ms_out)
{
	const struct heap_node *first = heap_first(&p->ready_ages);

	*oldest_ms_out = first ? first->key : 0;
	return first != NULL;
}

void plan_waiting(struct plan *p, int64_t now_ms, size_t *count_out, int64_t *oldest_ms_out)
{
	struct heap_node *first;

	find_due(p, now_ms);
	first = heap_first(&p->ages);
	*count_out = p->due;
	*oldest_ms_out = first ? first->key : 0;
}
