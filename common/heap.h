/*
 * heap.h - a binary heap of pointers, least key first, equal keys in the order of adding; entries
 * know their place, so that one can be removed from the middle.
 */
#ifndef COMMON_HEAP_H
#define COMMON_HEAP_H

#include "common/base.h"

struct heap_node {
	int64_t key;
	uint64_t order; /* the heap's count when it was added */
	size_t at;	/* index + 1; 0: in no heap */
};

struct heap {
	struct heap_node **nodes;
	size_t n, cap;
	uint64_t added;
};

void heap_done(struct heap *h); /* nodes are their owners' */
void heap_add(struct heap *h, struct heap_node *node, int64_t key);
struct heap_node *heap_first(const struct heap *h);	  /* NULL when empty */
void heap_remove(struct heap *h, struct heap_node *node); /* nothing when it is in no heap */

#endif
