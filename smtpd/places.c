#include "smtpd/places.h"

static uint32_t *chain_of(struct places *t, uint64_t key)
{
	return &t->chains[key % PLACES_CHAINS];
}

static void link_held(struct places *t, uint32_t i)
{
	struct place *p = &t->at[i];
	uint32_t *head = chain_of(t, p->key);

	p->prev = 0;
	p->next = *head;
	if (p->next)
		t->at[p->next].prev = i;
	*head = i;
	t->total++;
	t->mx += p->mx;
}

static void link_free(struct places *t, uint32_t i)
{
	t->at[i].next = t->free;
	t->free = i;
}

uint32_t places_take(struct places *t, uint64_t key, unsigned worker, bool mx)
{
	uint32_t i = t->free;

	if (i)
		t->free = t->at[i].next;
	else if (t->made < PLACES_MAX)
		i = ++t->made;
	else
		return 0;
	t->at[i] = (struct place){.key = key, .worker = (uint16_t)(worker + 1), .mx = mx};
	link_held(t, i);
	return i;
}

void places_give(struct places *t, uint32_t place)
{
	struct place *p = &t->at[place];

	must(place && place <= t->made && p->worker);
	p->worker = 0;
	if (p->prev)
		t->at[p->prev].next = p->next;
	else
		*chain_of(t, p->key) = p->next;
	if (p->next)
		t->at[p->next].prev = p->prev;
	t->total--;
	t->mx -= p->mx;
	link_free(t, place);
}

void places_give_all(struct places *t, unsigned worker)
{
	for (uint32_t i = 1; i <= t->made; i++)
		if (t->at[i].worker == worker + 1)
			places_give(t, i);
}

bool places_reach(const struct places *t, uint64_t key, uint32_t limit)
{
	uint32_t n = 0, i = t->chains[key % PLACES_CHAINS];

	for (; i && n < limit; i = t->at[i].next)
		n += t->at[i].key == key;
	return n >= limit;
}

void places_mend(struct places *t)
{
	memset(t->chains, 0, sizeof(t->chains));
	t->total = t->mx = t->free = 0;
	for (uint32_t i = t->made; i > 0; i--) {
		if (t->at[i].worker)
			link_held(t, i);
		else
			link_free(t, i);
	}
}
