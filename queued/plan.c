/*
 * plan.c - see plan.h.  An entry is in exactly one place: in the heap, parked at its domain, in
 * flight, or nowhere.
 */
#include "queued/plan.h"

struct plan_domain {
	struct hash_node node;
	unsigned in_flight, members;
	struct heap parked;
	size_t name_n;
	uint8_t name[];
};

void plan_init(struct plan *p, const struct plan_limits *l)
{
	*p = (struct plan){.domain_limit = l->domain};
}
void plan_limits_set(struct plan *p, const struct plan_limits *l)
{
	p->domain_limit = l->domain;
}
void plan_waiting(struct plan *p, int64_t now, size_t *n, int64_t *o)
{
	struct heap_node *f = heap_first(&p->due);
	*n = f && f->key <= now;
	*o = *n ? f->key : 0;
}
unsigned plan_in_flight(const struct plan *p)
{
	return p->flying;
}
bool plan_is_in_flight(const struct plan_entry *e)
{
	return e->in_flight;
}
bool plan_expired(const struct conf_times *t, unsigned attempts, int64_t age, int64_t lifetime)
{
	(void)t;
	(void)attempts;
	return age >= lifetime;
}

static void free_domain(struct hash_node *node, void *arg)
{
	struct plan_domain *d = container_of(node, struct plan_domain, node);

	(void)arg;
	heap_done(&d->parked);
	mem_free(d);
}

void plan_done(struct plan *p)
{
	hash_each(&p->domains, free_domain, NULL);
	hash_done(&p->domains);
	heap_done(&p->due);
}

static struct plan_domain *domain_of(struct plan *p, struct span name)
{
	struct hash_node *found = hash_find(&p->domains, name);
	struct plan_domain *d;

	if (found)
		return container_of(found, struct plan_domain, node);
	d = mem_alloc(sizeof(*d) + name.n);
	d->name_n = name.n;
	if (name.n)
		memcpy(d->name, name.p, name.n);
	hash_add(&p->domains, &d->node, span_of(d->name, d->name_n));
	return d;
}

static void join(struct plan *p, struct plan_entry *e, struct span domain)
{
	must(!e->domain);
	e->domain = domain_of(p, domain);
	e->domain->members++;
}

static void leave(struct plan *p, struct plan_entry *e)
{
	struct plan_domain *d = e->domain;

	e->domain = NULL;
	if (--d->members)
		return;
	hash_remove(&p->domains, &d->node);
	free_domain(&d->node, NULL);
}

static void park(struct plan_entry *e)
{
	heap_add(&e->domain->parked, &e->due, e->due.key);
	e->parked = true;
}

static void unpark(struct plan_entry *e)
{
	heap_remove(&e->domain->parked, &e->due);
	e->parked = false;
}

void plan_add(struct plan *p, struct plan_entry *e, const struct plan_key *k, int64_t due_ms)
{
	must(!e->in_flight);
	join(p, e, k->domain);
	heap_add(&p->due, &e->due, due_ms);
}

struct plan_entry *plan_take(struct plan *p, int64_t now_ms)
{
	struct heap_node *first;

	while ((first = heap_first(&p->due)) && first->key <= now_ms) {
		struct plan_entry *e = container_of(first, struct plan_entry, due);

		heap_remove(&p->due, first);
		if (e->domain->in_flight >= p->domain_limit) {
			park(e);
			continue;
		}
		e->domain->in_flight++;
		e->in_flight = true;
		return e;
	}
	return NULL;
}

/* For each free place at the domain one that waits, those due first, is due again at its old time.
 * More than can go do no harm: plan_take() parks them again, in the same order. */
static void let_go(struct plan *p, struct plan_domain *d)
{
	struct heap_node *first;

	for (unsigned n = d->in_flight; n < p->domain_limit && (first = heap_first(&d->parked));
	     n++) {
		struct plan_entry *e = container_of(first, struct plan_entry, due);

		unpark(e);
		heap_add(&p->due, &e->due, e->due.key);
	}
}

void plan_remove(struct plan *p, struct plan_entry *e)
{
	if (!e->domain)
		return;
	if (e->parked)
		unpark(e);
	else
		heap_remove(&p->due, &e->due);
	if (e->in_flight) {
		e->in_flight = false;
		e->domain->in_flight--;
	}
	/* also when e waited: it may have been the one that was to take a free place */
	let_go(p, e->domain);
	leave(p, e);
}

void plan_lock(struct plan *p, struct plan_entry *e, const struct plan_key *k)
{
	join(p, e, k->domain);
	e->in_flight = true;
	e->domain->in_flight++;
}

int64_t plan_next_due(const struct plan *p)
{
	struct heap_node *first = heap_first(&p->due);

	return first ? first->key : INT64_MAX;
}

int64_t plan_retry_ms(const struct conf_times *times, unsigned attempts, unsigned roll)
{
	size_t i = attempts ? attempts - 1 : 0;

	must(times->n > 0);
	int64_t ms = times->ms[i < times->n ? i : times->n - 1];
	return ms + ms * (int64_t)(roll % 100) / 1000;
}
