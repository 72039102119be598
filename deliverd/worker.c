/*
 * worker.c - see worker.h.
 *
 * Ends, after SIGTERM or when its parent is gone, once no attempt is after its dot and every
 * result is acknowledged; without queued it waits STOP_GRACE_MS for a new socket, since a result
 * that nobody reads means a second copy.  A worker that lost its socket, has nothing in hand and
 * gets no new one for ORPHAN_MS ends too: if it was not queued that ended but only this socket,
 * the parent would never know, and a new worker is joined anew.
 */
#include "deliverd/worker.h"

#include <signal.h>
#include <sodium.h>
#include <sys/socket.h>

#include "common/log.h"
#include "common/proc.h"
#include "deliverd/attempt.h"
#include "deliverd/queue.h"

enum { STOP_GRACE_MS = 8000, REJOIN_MS = 200, ORPHAN_MS = 5000 };

static struct {
	struct attempt_env env;
	struct chan *control;
	struct attempt ring; /* only prev and next are used */
	size_t count;
	bool stopping;
	struct loop_timer *grace, *orphan, *rejoin;
	uint64_t id;
	struct chan *broker; /* of our own: only without a parent */
} worker;

/* stopping */

static void end_now(void *arg)
{
	(void)arg;
	if (queue_kept())
		LOG(LOG_WARN, "results-lost", KU("count", queue_kept()));
	loop_stop();
}

static void end_if_done(void)
{
	if (!worker.stopping || worker.count)
		return;
	/* queued closes the socket when it has heard that we stop and has nothing more with us:
	 * else an order that is still under way would look as if we had died of it */
	if (!queue_kept() && !queue_attached())
		end_now(NULL);
	else if (!queue_kept() || !queue_attached())
		loop_timer_set(worker.grace, STOP_GRACE_MS);
}

/* Ends every attempt that has not sent its dot. */
static void end_attempts(void (*end)(struct attempt *a))
{
	for (struct attempt *a = worker.ring.next, *next; a != &worker.ring; a = next) {
		next = a->next;
		if (!attempt_after_dot(a))
			end(a);
	}
}

static void stop(void)
{
	if (worker.stopping)
		return;
	worker.stopping = true;
	LOG(LOG_DEBUG, "worker-stopping", KU("attempts", worker.count));
	queue_stopping();
	conn_stop();
	end_attempts(attempt_return);
	end_if_done();
}

static void on_stop_signal(int signo)
{
	(void)signo;
	stop();
}

/* A bad deliver.tls_ca leaves what was in force: without any there is none to begin with. */
static void make_tls(void)
{
	char error[512];
	SSL_CTX *ctx = tls_client_ctx(worker.env.conf->deliver_tls_ca, error, sizeof(error));

	if (!ctx && !worker.env.tls)
		die(EX_CONFIG, "%s", error);
	if (!ctx) {
		LOG(LOG_ERROR, "config-refused", KS("reason", error));
		return;
	}
	SSL_CTX_free(worker.env.tls); /* connections hold what they use */
	worker.env.tls = ctx;
}

static void on_reload_signal(int signo)
{
	(void)signo;
	if (!proc_conf_reload(&worker.env.conf))
		return;
	conn_close_idle();
	sigcache_clear();
	make_tls();
}

/* queued */

static void on_attempt_ended(struct attempt *a, const struct ipc_result *r)
{
	a->prev->next = a->next;
	a->next->prev = a->prev;
	worker.count--;
	if (r)
		queue_result(r);
	end_if_done();
}

static bool being_delivered(uint64_t copy)
{
	for (const struct attempt *a = worker.ring.next; a != &worker.ring; a = a->next)
		if (a->copy == copy)
			return true;
	return false;
}

static void on_deliver(const struct ipc_deliver *d, int *fd)
{
	struct ipc_result r;
	struct attempt *a;

	if (queue_repeat(d->copy, d->attempt))
		return;
	if (being_delivered(d->copy)) { /* its result will come; a second transaction must not */
		LOG(LOG_ERROR, "deliver-twice", KU("copy", d->copy));
		return;
	}
	if (worker.stopping) {
		report_returned(d->copy, d->attempt, &r);
		queue_result(&r);
		return;
	}
	a = attempt_new(&worker.env, d, fd);
	a->next = &worker.ring;
	a->prev = worker.ring.prev;
	a->prev->next = a;
	worker.ring.prev = a;
	worker.count++;
	attempt_start(a);
}

static void on_orphan(void *arg)
{
	(void)arg;
	if (worker.count || queue_kept())
		loop_timer_set(worker.orphan, ORPHAN_MS);
	else
		loop_stop();
}

static void on_queue_lost(void)
{
	loop_timer_set(worker.orphan, ORPHAN_MS);
	loop_timer_set(worker.rejoin, 0);
	end_attempts(attempt_give_up);
	end_if_done();
}

static const struct queue_ops queue_ops = {
	.deliver = on_deliver,
	.lost = on_queue_lost,
	.acknowledged = end_if_done,
};

/* the parent */

static void attach(int fd)
{
	uint64_t *copies = mem_alloc((worker.count + 1) * sizeof(*copies));
	size_t n = 0;

	for (const struct attempt *a = worker.ring.next; a != &worker.ring; a = a->next)
		copies[n++] = a->copy;
	loop_timer_stop(worker.grace);
	loop_timer_stop(worker.orphan);
	queue_attach(fd, copies, n);
	mem_free(copies);
}

static void on_control(struct chan *c, const struct ipc_msg *m, int *fd, void *arg)
{
	(void)c;
	(void)arg;
	must(m->type == IPC_QUEUE);
	worker.id = m->queue.id;
	attach(*fd);
	*fd = -1;
}

/* Without a parent, which would bring us a new socket when queued is started anew: what we still
 * know or wait for must reach it, or it goes out twice. */

/* queued sends nothing at this door */
static void on_broker_message(struct chan *c, const struct ipc_msg *m, int *fd, void *arg)
{
	(void)c;
	(void)m;
	(void)fd;
	(void)arg;
}

static void on_broker_closed(struct chan *c, void *arg)
{
	(void)c;
	(void)arg;
	worker.broker = NULL;
}

static const struct chan_ops broker_ops = {on_broker_message, on_broker_closed};

static void on_rejoin(void *arg)
{
	struct ipc_msg m = {.type = IPC_WORKER};
	int pair[2];

	(void)arg;
	if (worker.control || queue_attached())
		return;
	loop_timer_set(worker.rejoin, REJOIN_MS);
	chan_free(&worker.broker);
	if (chan_connect(IPC_DOOR_BROKER, &broker_ops, NULL, &worker.broker) != 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	m.worker.id = worker.id;
	chan_send(worker.broker, &m, pair[0]);
	fd_close(&pair[0]);
	attach(pair[1]);
}

static void on_control_closed(struct chan *c, void *arg)
{
	(void)c;
	(void)arg;
	worker.control = NULL;
	loop_timer_set(worker.rejoin, 0);
	stop();
}

static const struct chan_ops control_ops = {on_control, on_control_closed};

static void on_start(void)
{
	loop_on_signal(SIGTERM, on_stop_signal);
	loop_on_signal(SIGINT, on_stop_signal);
	loop_on_signal(SIGHUP, on_reload_signal);
	worker.grace = loop_timer_new(end_now, NULL);
	worker.orphan = loop_timer_new(on_orphan, NULL);
	worker.rejoin = loop_timer_new(on_rejoin, NULL);
	make_tls();
	worker.env.resolver = asker_new(IPC_DOOR_RESOLVE);
	worker.env.signer = asker_new(IPC_DOOR_SIGN);
}

void worker_run(int control, struct conf *conf)
{
	must(sodium_init() >= 0);
	worker.env.conf = conf;
	worker.env.ended = on_attempt_ended;
	worker.ring.next = worker.ring.prev = &worker.ring;
	queue_init(&queue_ops);
	on_start();
	proc_worker_started();
	worker.control = chan_new(control, IPC_DOOR_CONTROL, IPC_CALLER, &control_ops, NULL);
	loop_run();
	exit(0);
}
