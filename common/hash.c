#include "common/hash.h"

#include <sodium.h>

static uint64_t hash_of(struct span key)
{
	static uint8_t secret[crypto_shorthash_KEYBYTES];
	static bool made;
	uint64_t h;

	if (!made) {
		randombytes_buf(secret, sizeof(secret));
		made = true;
	}
	crypto_shorthash((uint8_t *)&h, key.p, key.n, secret);
	return h;
}

void hash_done(struct hash *t)
{
	mem_free(t->buckets);
	*t = (struct hash){0};
}

static struct hash_node **bucket(const struct hash *t, uint64_t h)
{
	return &t->buckets[h & (t->bucket_count - 1)];
}

static void grow(struct hash *t)
{
	struct hash old = *t;

	t->bucket_count = old.bucket_count ? 2 * old.bucket_count : 64;
	t->buckets = mem_alloc(t->bucket_count * sizeof(*t->buckets));
	for (size_t i = 0; i < old.bucket_count; i++) {
		for (struct hash_node *next, *n = old.buckets[i]; n; n = next) {
			next = n->next;
			n->next = *bucket(t, n->h);
			*bucket(t, n->h) = n;
		}
	}
	mem_free(old.buckets);
}

struct hash_node *hash_find(const struct hash *t, struct span key)
{
	uint64_t h = hash_of(key);

	if (!t->n)
		return NULL;
	for (struct hash_node *n = *bucket(t, h); n; n = n->next)
		if (n->h == h && span_eq(n->key, key))
			return n;
	return NULL;
}

void hash_add(struct hash *t, struct hash_node *node, struct span key)
{
	if (t->n >= t->bucket_count)
		grow(t);
	node->key = key;
	node->h = hash_of(key);
	node->next = *bucket(t, node->h);
	*bucket(t, node->h) = node;
	t->n++;
}

void hash_remove(struct hash *t, struct hash_node *node)
{
	struct hash_node **at = bucket(t, node->h);

	while (*at != node) {
		must(*at != NULL);
		at = &(*at)->next;
	}
	*at = node->next;
	node->next = NULL;
	t->n--;
}

void hash_each(struct hash *t, void (*fn)(struct hash_node *node, void *arg), void *arg)
{
	for (size_t i = 0; i < t->bucket_count; i++) {
		for (struct hash_node *next, *n = t->buckets[i]; n; n = next) {
			next = n->next;
			fn(n, arg);
		}
	}
}
