#include "common/heap.h"

static void put(struct heap *h, size_t i, struct heap_node *node)
{
	h->nodes[i] = node;
	node->at = i + 1;
}

static void sift_up(struct heap *h, size_t i, struct heap_node *node)
{
	while (i && h->nodes[(i - 1) / 2]->key > node->key) {
		put(h, i, h->nodes[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(h, i, node);
}

static void sift_down(struct heap *h, size_t i, struct heap_node *node)
{
	for (size_t child = 2 * i + 1; child < h->n; child = 2 * i + 1) {
		if (child + 1 < h->n && h->nodes[child + 1]->key < h->nodes[child]->key)
			child++;
		if (h->nodes[child]->key >= node->key)
			break;
		put(h, i, h->nodes[child]);
		i = child;
	}
	put(h, i, node);
}

void heap_done(struct heap *h)
{
	mem_free(h->nodes);
	*h = (struct heap){0};
}

void heap_add(struct heap *h, struct heap_node *node, int64_t key)
{
	must(node->at == 0);
	if (h->n == h->cap) {
		h->cap = h->cap ? 2 * h->cap : 64;
		h->nodes = mem_grow(h->nodes, h->cap * sizeof(*h->nodes));
	}
	node->key = key;
	sift_up(h, h->n++, node);
}

struct heap_node *heap_first(const struct heap *h)
{
	return h->n ? h->nodes[0] : NULL;
}

void heap_remove(struct heap *h, struct heap_node *node)
{
	size_t i = node->at;

	if (!i--)
		return;
	must(h->nodes[i] == node);
	node->at = 0;
	struct heap_node *last = h->nodes[--h->n];
	if (last == node)
		return;
	if (i && h->nodes[(i - 1) / 2]->key > last->key)
		sift_up(h, i, last);
	else
		sift_down(h, i, last);
}
