#include "common/heap.h"

static bool before(const struct heap_node *a, const struct heap_node *b)
{
	return a->key < b->key || (a->key == b->key && a->order < b->order);
}

static void put(struct heap *h, size_t i, struct heap_node *node)
{
	h->nodes[i] = node;
	node->at = i + 1;
}

static void sift_up(struct heap *h, size_t i, struct heap_node *node)
{
	while (i && before(node, h->nodes[(i - 1) / 2])) {
		put(h, i, h->nodes[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(h, i, node);
}

static void sift_down(struct heap *h, size_t i, struct heap_node *node)
{
	for (size_t child = 2 * i + 1; child < h->n; child = 2 * i + 1) {
		if (child + 1 < h->n && before(h->nodes[child + 1], h->nodes[child]))
			child++;
		if (!before(h->nodes[child], node))
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
		h->cap = h->cap ? 2 * h->cap : 4;
		h->nodes = mem_grow(h->nodes, h->cap * sizeof(*h->nodes));
	}
	node->key = key;
	node->order = h->added++;
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
	if (i && before(last, h->nodes[(i - 1) / 2]))
		sift_up(h, i, last);
	else
		sift_down(h, i, last);
}
