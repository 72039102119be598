/*
 * queue.c - see queue.h.
 *
 * Invariant: a result is in the list from the moment it is known until its ACK; the list is sent
 * again, oldest first, on each new connection, after an INFLIGHT that names its copies too.
 */
#include "deliverd/queue.h"

#include "common/log.h"

enum { INFLIGHT_MAX = 4096 };

/* A result as its packet: the spans of the message point into it. */
struct kept {
	struct kept *next;
	uint64_t copy;
	uint32_t attempt;
	struct buf packet;
};

static struct {
	const struct queue_ops *ops;
	struct chan *chan;
	struct kept *first;
	size_t count;
	bool stopping;
} queue;

static void send_kept(const struct kept *k)
{
	struct ipc_msg m;

	if (!queue.chan)
		return;
	must(ipc_decode(buf_span(&k->packet), &m) == 0);
	chan_send(queue.chan, &m, -1);
}

/* Oldest first. */
static struct kept **end_of_list(void)
{
	struct kept **k = &queue.first;

	while (*k)
		k = &(*k)->next;
	return k;
}

void queue_result(const struct ipc_result *r)
{
	struct ipc_msg m = {.type = IPC_RESULT, .result = *r};
	struct kept *k = mem_alloc(sizeof(*k));

	k->copy = r->copy;
	k->attempt = r->attempt;
	buf_init(&k->packet, LIMIT_IPC);
	ipc_encode(&m, &k->packet);
	must(buf_ok(&k->packet));
	*end_of_list() = k;
	queue.count++;
	send_kept(k);
}

static void acknowledge(const struct ipc_ack *a)
{
	for (struct kept **k = &queue.first; *k; k = &(*k)->next) {
		struct kept *gone = *k;

		if (gone->copy != a->copy || gone->attempt != a->attempt)
			continue;
		*k = gone->next;
		buf_done(&gone->packet);
		mem_free(gone);
		queue.count--;
		queue.ops->acknowledged();
		return;
	}
}

bool queue_repeat(uint64_t copy, uint32_t attempt)
{
	for (const struct kept *k = queue.first; k; k = k->next) {
		if (k->copy == copy && k->attempt == attempt) {
			send_kept(k);
			return true;
		}
	}
	return false;
}

size_t queue_kept(void)
{
	return queue.count;
}

static void on_message(struct chan *c, const struct ipc_msg *m, int *fd, void *arg)
{
	(void)c;
	(void)arg;
	if (m->type == IPC_DELIVER)
		queue.ops->deliver(&m->deliver, fd);
	else if (m->type == IPC_ACK)
		acknowledge(&m->ack);
}

static void on_closed(struct chan *c, void *arg)
{
	(void)c;
	(void)arg;
	queue.chan = NULL;
	LOG(queue.stopping ? LOG_DEBUG : LOG_INFO, "queue-lost", KU("unacknowledged", queue.count));
	queue.ops->lost();
}

static const struct chan_ops chan_ops = {on_message, on_closed};

static void send_stopping(void)
{
	struct ipc_msg m = {.type = IPC_STOPPING};

	if (queue.chan)
		chan_send(queue.chan, &m, -1);
}

static void send_inflight(const uint64_t *copies, size_t n)
{
	size_t at = 0;

	do {
		size_t part = size_min(n - at, INFLIGHT_MAX);
		struct ipc_msg m = {.type = IPC_INFLIGHT};

		m.inflight.last = at + part == n;
		m.inflight.copies = (struct ipc_u64s){.n = (uint16_t)part, .items = copies + at};
		chan_send(queue.chan, &m, -1);
		at += part;
	} while (at < n);
}

/* The copies whose results follow are named too: queued locks what is named before it plans. */
void queue_attach(int fd, const uint64_t *copies, size_t n)
{
	uint64_t *all = mem_alloc((n + queue.count + 1) * sizeof(*all));

	chan_free(&queue.chan);
	queue.chan = chan_new(fd, IPC_DOOR_DELIVER, IPC_CALLER, &chan_ops, NULL);
	for (size_t i = 0; i < n; i++)
		all[i] = copies[i];
	for (const struct kept *k = queue.first; k; k = k->next)
		all[n++] = k->copy;
	send_inflight(all, n);
	mem_free(all);
	for (const struct kept *k = queue.first; k; k = k->next)
		send_kept(k);
	if (queue.stopping)
		send_stopping();
}

bool queue_attached(void)
{
	return queue.chan != NULL;
}

void queue_stopping(void)
{
	queue.stopping = true;
	send_stopping();
}

void queue_init(const struct queue_ops *queue_ops)
{
	queue.ops = queue_ops;
}
