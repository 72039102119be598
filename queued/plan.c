/*
 * plan.c - see plan.h.  An entry is in exactly one place: in the heap, parked at its domain, in
 * flight, or nowhere.
 */
#include "queued/plan.h"

struct plan_domain {
	struct hash_node node;
	unsigned in_flight, members;
	struct plan_entry *parked, **parked_last;
	size_t name_n;
	uint8_t name[];
};

void plan_init(struct plan *p, unsigned domain_limit)
{
	*p = (struct plan){.domain_limit = domain_limit};
}

static void free_domain(struct hash_node *node, void *arg)
{
	(void)arg;
	mem_free(container_of(node, struct plan_domain, node));
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
	d->parked_last = &d->parked;
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
	mem_free(d);
}

static void park(struct plan_entry *e)
{
	struct plan_domain *d = e->domain;

	e->next_parked = NULL;
	e->prev_parked = d->parked_last;
	*d->parked_last = e;
	d->parked_last = &e->next_parked;
}

static void unpark(struct plan_entry *e)
{
	struct plan_domain *d = e->domain;

	*e->prev_parked = e->next_parked;
	if (e->next_parked)
		e->next_parked->prev_parked = e->prev_parked;
	else
		d->parked_last = e->prev_parked;
	e->prev_parked = NULL;
}

void plan_add(struct plan *p, struct plan_entry *e, struct span domain, int64_t due_ms)
{
	must(!e->in_flight);
	join(p, e, domain);
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

/* A place at the domain is free: the one that waited longest is due again, at its old time. */
static void let_one_go(struct plan *p, struct plan_domain *d)
{
	struct plan_entry *e = d->parked;

	if (!e)
		return;
	unpark(e);
	heap_add(&p->due, &e->due, e->due.key);
}

void plan_remove(struct plan *p, struct plan_entry *e)
{
	if (!e->domain)
		return;
	heap_remove(&p->due, &e->due);
	if (e->prev_parked)
		unpark(e);
	if (e->in_flight) {
		e->in_flight = false;
		e->domain->in_flight--;
		let_one_go(p, e->domain);
	}
	leave(p, e);
}

void plan_lock(struct plan *p, struct plan_entry *e, struct span domain)
{
	join(p, e, domain);
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
	return ms + ms / 1000 * (roll % 100);
}
