#include "queued/plan_flow.h"

void plan_list_init(struct plan_link *head)
{
	head->prev = head->next = head;
}

static void insert(struct plan_link *prev, struct plan_link *link, struct plan_link *next)
{
	link->prev = prev;
	link->next = next;
	prev->next = next->prev = link;
}

void plan_list_append(struct plan_link *head, struct plan_link *link)
{
	insert(head->prev, link, head);
}

void plan_list_prepend(struct plan_link *head, struct plan_link *link)
{
	insert(head, link, head->next);
}

void plan_list_remove(struct plan_link *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
}

struct plan_link *plan_list_first(const struct plan_link *head)
{
	return head->next != head ? head->next : NULL;
}

static struct plan_lane *lane_of(struct plan *p, struct span name)
{
	struct hash_node *found = hash_find(&p->lanes, name);
	struct plan_lane *lane;

	if (found)
		return container_of(found, struct plan_lane, node);
	lane = mem_alloc(sizeof(*lane) + name.n);
	lane->name_n = name.n;
	if (name.n)
		memcpy(lane->name, name.p, name.n);
	for (int c = 0; c < PLAN_CLASSES; c++)
		plan_list_init(&lane->waiting[c]);
	hash_add(&p->lanes, &lane->node, span_of(lane->name, lane->name_n));
	return lane;
}

static struct plan_tenant *tenant_of(struct plan *p, uint64_t number, enum plan_class class)
{
	struct plan_tenant_key key = {.number = number, .class = class};
	struct hash_node *found = hash_find(&p->tenants, span_of(&key, sizeof(key)));
	struct plan_tenant *t;

	if (found)
		return container_of(found, struct plan_tenant, node);
	t = mem_alloc(sizeof(*t));
	t->key = key;
	for (int k = 0; k < READY_KINDS; k++)
		plan_list_init(&t->ready[k]);
	hash_add(&p->tenants, &t->node, span_of(&t->key, sizeof(t->key)));
	return t;
}

struct plan_flow *plan_flow_hold(struct plan *p, const struct plan_key *key)
{
	struct plan_flow_key of = {.lane = lane_of(p, key->domain),
				   .tenant = tenant_of(p, key->tenant, key->class)};
	struct hash_node *found = hash_find(&p->flows, span_of(&of, sizeof(of)));
	struct plan_flow *f;

	if (found) {
		f = container_of(found, struct plan_flow, node);
	} else {
		f = mem_alloc(sizeof(*f));
		f->of = of;
		of.lane->flows++;
		of.tenant->flows++;
		hash_add(&p->flows, &f->node, span_of(&f->of, sizeof(f->of)));
	}
	f->entries++;
	return f;
}

static void free_lane(struct hash_node *node, void *arg UNUSED)
{
	mem_free(container_of(node, struct plan_lane, node));
}

static void free_tenant(struct hash_node *node, void *arg UNUSED)
{
	mem_free(container_of(node, struct plan_tenant, node));
}

static void free_flow(struct hash_node *node, void *arg UNUSED)
{
	struct plan_flow *f = container_of(node, struct plan_flow, node);

	heap_done(&f->due);
	mem_free(f);
}

void plan_flow_release(struct plan *p, struct plan_flow *f)
{
	struct plan_flow_key of = f->of;

	if (--f->entries)
		return;
	must(f->state == FLOW_EMPTY);
	hash_remove(&p->flows, &f->node);
	free_flow(&f->node, NULL);
	if (--of.lane->flows == 0) {
		hash_remove(&p->lanes, &of.lane->node);
		free_lane(&of.lane->node, NULL);
	}
	if (--of.tenant->flows == 0) {
		hash_remove(&p->tenants, &of.tenant->node);
		free_tenant(&of.tenant->node, NULL);
	}
}

void plan_flows_free(struct plan *p)
{
	hash_each(&p->flows, free_flow, NULL);
	hash_each(&p->lanes, free_lane, NULL);
	hash_each(&p->tenants, free_tenant, NULL);
	hash_done(&p->flows);
	hash_done(&p->lanes);
	hash_done(&p->tenants);
}
