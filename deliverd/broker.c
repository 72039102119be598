/*
 * broker.c - see broker.h.
 *
 * Sockets are made in pairs and belong to nobody here: each end is handed over and closed.
 */
#include "deliverd/broker.h"

#include <sys/socket.h>

#include "common/log.h"
#include "common/loop.h"
#include "deliverd/pool.h"

enum { RETRY_MS = 200 };

static struct {
	struct chan *queued;
	struct loop_timer *retry;
} broker;

/* One end of a new socket to queued, the other to the worker. */
static void join(struct pool_worker *w)
{
	struct ipc_msg to_queued = {.type = IPC_WORKER}, to_worker = {.type = IPC_QUEUE};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
		LOG(LOG_ERROR, "worker-not-joined", KERR(errno));
		chan_free(&broker.queued); /* all over again, later */
		loop_timer_set(broker.retry, RETRY_MS);
		return;
	}
	to_queued.worker.id = w->id;
	to_worker.queue.id = w->id;
	chan_send(broker.queued, &to_queued, pair[0]);
	chan_send(w->control, &to_worker, pair[1]);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

static void on_message(struct chan *c, const struct ipc_msg *m, int *fd, void *arg)
{
	(void)c;
	(void)m; /* queued sends nothing at this door */
	(void)fd;
	(void)arg;
}

static void on_closed(struct chan *c, void *arg)
{
	(void)c;
	(void)arg;
	broker.queued = NULL;
	loop_timer_set(broker.retry, RETRY_MS);
}

static const struct chan_ops broker_ops = {on_message, on_closed};

static void introduce(void)
{
	struct ipc_msg m = {.type = IPC_WORKERS};
	uint64_t ids[POOL_MAX];
	struct pool_worker *w;
	size_t at = 0;

	m.workers.ids.items = ids;
	while ((w = pool_next(&at)))
		ids[m.workers.ids.n++] = w->id;
	chan_send(broker.queued, &m, -1);
	for (at = 0; broker.queued && (w = pool_next(&at));)
		join(w);
}

static void on_retry(void *arg)
{
	(void)arg;
	if (chan_connect(IPC_DOOR_BROKER, &broker_ops, NULL, &broker.queued) == 0)
		introduce();
	else
		loop_timer_set(broker.retry, RETRY_MS);
}

static void on_new_worker(struct pool_worker *w)
{
	if (broker.queued)
		join(w);
}

void broker_start(void)
{
	broker.retry = loop_timer_new(on_retry, NULL);
	pool_on_new(on_new_worker);
	on_retry(NULL);
}
