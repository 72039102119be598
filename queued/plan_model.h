/*
 * plan_model.h - for tests only (plan_test.c, fuzz/plan.c): any steps of the scheduler, taken from
 * bytes, beside a model too simple to be wrong: it looks at all entries each time.
 *
 * Held to: plan_take() gives something exactly when the model finds an entry that is due and has
 * room, of the class whose turn it is; what it gives has room, and is the first of its tenant for
 * its domain; counts and times are the model's; at the end nothing is left over.
 */
#ifndef QUEUED_PLAN_MODEL_H
#define QUEUED_PLAN_MODEL_H

#include "queued/plan.h"

enum {
	MODEL_ENTRIES = 48,
	MODEL_DOMAINS = 4,
	MODEL_TENANTS = 3,
	MODEL_BULK_EVERY = 5,
	MODEL_SHARE = 4
};

struct model_entry {
	struct plan_entry e;
	enum { MODEL_OUT, MODEL_LATER, MODEL_DUE, MODEL_FLYING } at;
	unsigned domain, tenant;
	enum plan_class class;
	int64_t due, added;
};

struct model {
	struct plan p;
	struct plan_limits limits;
	struct span in;
	int64_t now, added;
	unsigned run; /* transactional ones since the last bulk */
	struct model_entry entries[MODEL_ENTRIES];
};

/* The next byte, below a bound; 0 at the end. */
static unsigned model_byte(struct model *m, unsigned below)
{
	unsigned b = m->in.n ? m->in.p[0] : 0;

	m->in = span_from(m->in, 1);
	return b % below;
}

/* -1: any domain */
static unsigned model_flying(const struct model *m, int domain, bool bulk_only)
{
	unsigned n = 0;

	for (size_t i = 0; i < MODEL_ENTRIES; i++) {
		const struct model_entry *x = &m->entries[i];

		n += x->at == MODEL_FLYING && (domain < 0 || x->domain == (unsigned)domain) &&
		     (!bulk_only || x->class == PLAN_BULK);
	}
	return n;
}

/* How many more could go. */
static unsigned model_room_of(const struct model *m, int domain, enum plan_class class,
			      unsigned max)
{
	unsigned reserved = (max * m->limits.reserved_percent + 99) / 100;
	unsigned bulk_max = reserved < max ? max - reserved : 1;
	unsigned all = model_flying(m, domain, false), bulk = model_flying(m, domain, true);
	unsigned room = all < max ? max - all : 0,
		 bulk_room = bulk < bulk_max ? bulk_max - bulk : 0;

	return class == PLAN_BULK && bulk_room < room ? bulk_room : room;
}

static bool model_within_share(const struct model *m, const struct model_entry *x)
{
	unsigned room = model_room_of(m, -1, x->class, m->limits.total), n = 0;

	for (size_t i = 0; i < MODEL_ENTRIES; i++)
		n += m->entries[i].at == MODEL_FLYING && m->entries[i].tenant == x->tenant &&
		     m->entries[i].class == x->class;
	return n < MODEL_SHARE * room;
}

static bool model_can_go(const struct model *m, const struct model_entry *x)
{
	return x->at == MODEL_DUE && model_room_of(m, (int)x->domain, x->class, m->limits.domain) &&
	       model_within_share(m, x);
}

static bool model_class_can_go(const struct model *m, enum plan_class class)
{
	for (size_t i = 0; i < MODEL_ENTRIES; i++)
		if (m->entries[i].class == class && model_can_go(m, &m->entries[i]))
			return true;
	return false;
}

static void model_find_due(struct model *m)
{
	for (size_t i = 0; i < MODEL_ENTRIES; i++)
		if (m->entries[i].at == MODEL_LATER && m->entries[i].due <= m->now)
			m->entries[i].at = MODEL_DUE;
}

static bool model_is_first(const struct model *m, const struct model_entry *x)
{
	for (size_t i = 0; i < MODEL_ENTRIES; i++) {
		const struct model_entry *o = &m->entries[i];

		if (o->at == MODEL_DUE && o->domain == x->domain && o->tenant == x->tenant &&
		    o->class == x->class &&
		    (o->due < x->due || (o->due == x->due && o->added < x->added)))
			return false;
	}
	return true;
}

static void model_take(struct model *m)
{
	struct plan_entry *e = plan_take(&m->p, m->now);
	bool can[PLAN_CLASSES];

	model_find_due(m);
	can[PLAN_TRANSACTIONAL] = model_class_can_go(m, PLAN_TRANSACTIONAL);
	can[PLAN_BULK] = model_class_can_go(m, PLAN_BULK);
	if (!can[PLAN_TRANSACTIONAL] && !can[PLAN_BULK]) {
		must(!e);
		return;
	}
	must(e != NULL);
	struct model_entry *x = container_of(e, struct model_entry, e);
	bool bulk = can[PLAN_BULK] && (!can[PLAN_TRANSACTIONAL] || m->run >= MODEL_BULK_EVERY - 1);

	must(model_can_go(m, x) && model_is_first(m, x) && plan_is_in_flight(e));
	must(x->class == (bulk ? PLAN_BULK : PLAN_TRANSACTIONAL));
	m->run = bulk ? 0 : m->run + 1;
	x->at = MODEL_FLYING;
}

static void model_put(struct model *m, struct model_entry *x, bool flying)
{
	static const char *const domains[MODEL_DOMAINS] = {"a.test", "b.test", "c.test", ""};
	struct plan_key key;

	x->domain = model_byte(m, MODEL_DOMAINS);
	x->tenant = model_byte(m, MODEL_TENANTS);
	x->class = model_byte(m, 2) ? PLAN_BULK : PLAN_TRANSACTIONAL;
	x->added = m->added++;
	x->at = flying ? MODEL_FLYING : MODEL_LATER;
	key = (struct plan_key){span_str(domains[x->domain]), x->tenant, x->class};
	if (flying) {
		plan_lock(&m->p, &x->e, &key);
		return;
	}
	x->due = m->now + (int)model_byte(m, 64) - 48;
	plan_add(&m->p, &x->e, &key, x->due);
}

static void model_limits(struct model *m)
{
	m->limits = (struct plan_limits){.domain = 1 + model_byte(m, 5),
					 .total = 1 + model_byte(m, 15),
					 .reserved_percent = model_byte(m, 91)};
}

static void model_check(const struct model *m)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < MODEL_ENTRIES; i++)
		if (m->entries[i].at == MODEL_LATER && m->entries[i].due < next)
			next = m->entries[i].due;
	must(plan_next_due(&m->p) == next);
	must(plan_in_flight(&m->p) == model_flying(m, -1, false));
}

static void model_check_waiting(struct model *m)
{
	int64_t first = INT64_MAX, oldest;
	size_t count = 0, n;

	plan_waiting(&m->p, m->now, &n, &oldest);
	model_find_due(m);
	for (size_t i = 0; i < MODEL_ENTRIES; i++) {
		if (m->entries[i].at != MODEL_DUE)
			continue;
		count++;
		first = m->entries[i].due < first ? m->entries[i].due : first;
	}
	must(n == count && oldest == (count ? first : 0));
}

static void model_step(struct model *m)
{
	unsigned what = model_byte(m, 32);
	struct model_entry *x = &m->entries[model_byte(m, MODEL_ENTRIES)];

	if (what < 12) {
		if (x->at == MODEL_OUT)
			model_put(m, x, what == 0);
		else
			model_take(m);
	} else if (what < 22) {
		model_take(m);
	} else if (what < 28) { /* most that leave were in flight */
		if (x->at == MODEL_FLYING || what == 27) {
			plan_remove(&m->p, &x->e);
			x->at = MODEL_OUT;
		}
	} else if (what == 28) {
		model_limits(m);
		plan_limits_set(&m->p, &m->limits);
	} else if (what == 29) {
		model_check_waiting(m);
	} else { /* the clock may go back */
		m->now += (int)model_byte(m, 32) - (what == 30 ? 0 : 24);
	}
}

static void model_run(struct span in)
{
	struct model *m = mem_alloc(sizeof(*m));

	m->in = in;
	model_limits(m);
	plan_init(&m->p, &m->limits);
	while (m->in.n) {
		model_step(m);
		model_check(m);
	}
	for (size_t i = 0; i < MODEL_ENTRIES; i++)
		plan_remove(&m->p, &m->entries[i].e);
	must(m->p.flows.n == 0 && m->p.lanes.n == 0 && m->p.tenants.n == 0 && m->p.due == 0);
	must(m->p.later.n == 0 && m->p.ages.n == 0 && m->p.ready_ages.n == 0 &&
	     plan_in_flight(&m->p) == 0);
	plan_done(&m->p);
	mem_free(m);
}

#endif
