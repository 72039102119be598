/*
 * hash.h - a hash table of nodes that live inside their owners' structs.
 *
 * Keys are bytes; the hash is SipHash with a key made at start, so nobody outside can aim at one
 * bucket.  The table grows and never shrinks.
 */
#ifndef COMMON_HASH_H
#define COMMON_HASH_H

#include "common/span.h"

struct hash_node {
	struct hash_node *next;
	struct span key; /* the owner's bytes; unchanged while in the table */
	uint64_t h;
};

struct hash {
	struct hash_node **buckets;
	size_t n, bucket_count;
};

void hash_done(struct hash *t); /* nodes are their owners' */
struct hash_node *hash_find(const struct hash *t, struct span key);
/* The key must not be there yet. */
void hash_add(struct hash *t, struct hash_node *node, struct span key);
void hash_remove(struct hash *t, struct hash_node *node);
/* Calls fn for each node; fn may not add, and may remove only the node it was given. */
void hash_each(struct hash *t, void (*fn)(struct hash_node *node, void *arg), void *arg);

#endif
