/*
 * signer_grants.c - the table of used grants: a hash table and a list in the order of first use.
 *
 * Grants made alike expire nearly in that order, so what has expired is removed from the front;
 * an early one that waits behind a late one only stays a little longer.
 */
#include "deliverd/signer_grants.h"

#include <sys/queue.h>

#include "common/ipc/grant.h"

enum { BUCKETS = 1 << 18, MAC_AT = 12, MAC_KEPT = 16 };

struct used {
	TAILQ_ENTRY(used) order;
	struct used *next; /* in its bucket */
	uint64_t expires_s;
	uint32_t count;
	uint8_t mac[MAC_KEPT]; /* its first half is unique enough: 128 bits of a MAC */
};

static struct {
	struct used *buckets[BUCKETS];
	TAILQ_HEAD(, used) order;
	size_t count;
} grants = {.order = TAILQ_HEAD_INITIALIZER(grants.order)};

static uint64_t expiry_of(struct span grant)
{
	uint64_t v = 0;

	for (size_t i = 8; i > 0; i--)
		v = v << 8 | grant.p[i - 1];
	return v;
}

/* A MAC is as good as a random number. */
static struct used **bucket_of(const uint8_t *mac)
{
	return &grants.buckets[(mac[0] | mac[1] << 8 | mac[2] << 16) % BUCKETS];
}

static void drop_first(void)
{
	struct used *u = TAILQ_FIRST(&grants.order), **at = bucket_of(u->mac);

	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	TAILQ_REMOVE(&grants.order, u, order);
	grants.count--;
	mem_free(u);
}

static void drop_expired(uint64_t now_s)
{
	while (grants.count > 0 && TAILQ_FIRST(&grants.order)->expires_s <= now_s)
		drop_first();
}

static struct used *used_new(struct span grant)
{
	struct used *u = mem_alloc(sizeof(*u)), **bucket = bucket_of(grant.p + MAC_AT);

	if (grants.count == GRANTS_MAX)
		drop_first();
	memcpy(u->mac, grant.p + MAC_AT, MAC_KEPT);
	u->expires_s = expiry_of(grant);
	u->next = *bucket;
	*bucket = u;
	TAILQ_INSERT_TAIL(&grants.order, u, order);
	grants.count++;
	return u;
}

bool grants_use(struct span grant, uint32_t uses, struct wall now)
{
	struct used *u;

	must(grant.n == GRANT_SIZE);
	drop_expired(now.ms < 0 ? 0 : (uint64_t)now.ms / 1000);
	u = *bucket_of(grant.p + MAC_AT);
	while (u && memcmp(u->mac, grant.p + MAC_AT, MAC_KEPT) != 0)
		u = u->next;
	if (u ? u->count >= uses : uses == 0)
		return false;
	if (!u)
		u = used_new(grant);
	u->count++;
	return true;
}

size_t grants_count(void)
{
	return grants.count;
}

void grants_forget(void)
{
	while (grants.count > 0)
		drop_first();
}
