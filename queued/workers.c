/*
 * workers.c - deliverd's parent and workers, as queued sees them.
 *
 * After a start nothing is planned until the parent has named its workers (WORKERS) and each has
 * said which copies it is delivering (INFLIGHT): those are locked here until their RESULT comes
 * or the worker dies.  A worker whose parent died as well comes by itself; inflight.c knows for
 * which copies to wait.  So a kill of queued makes no duplicate.
 */
#include <stdio.h>

#include "common/ipc/chan.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "common/roles.h"
#include "queued/queued.h"

enum { WORKERS_MAX = 64 };

struct worker {
	struct worker *next;
	uint64_t id;
	struct chan *chan;
	struct job *jobs;
	unsigned job_count;
	bool told;     /* its INFLIGHT is complete */
	bool stopping; /* takes nothing more */
};

static struct {
	struct worker *first;
	struct chan_listener *listener;
	struct chan *parent;
	bool named; /* WORKERS came */
	uint64_t awaited[WORKERS_MAX];
	size_t awaited_count;
	bool known;
} self;

bool workers_known(void)
{
	return self.known;
}

bool workers_has_told(uint64_t id)
{
	for (const struct worker *w = self.first; w; w = w->next)
		if (w->id == id && w->told)
			return true;
	return false;
}

bool workers_reuse_pid(uint64_t id)
{
	for (const struct worker *w = self.first; w; w = w->next)
		if (w->id != id && w->id >> WORKER_PID_SHIFT == id >> WORKER_PID_SHIFT)
			return true;
	return false;
}

/* One more of those named at the start has told, or is dead. */
static void stop_awaiting(uint64_t id)
{
	for (size_t i = 0; i < self.awaited_count; i++)
		if (self.awaited[i] == id)
			self.awaited[i--] = self.awaited[--self.awaited_count];
	if (self.named && !self.awaited_count && !self.known) {
		self.known = true;
		LOG(LOG_INFO, "planning", KU("copies", jobs_count()));
	}
}

/* workers */

static void worker_free(struct worker *w)
{
	struct worker **at = &self.first;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	results_forget_worker(w);
	mem_free(w);
}

/* What it was delivering: nobody knows how far it came. */
static void worker_closed(struct chan *c, void *arg)
{
	struct worker *w = arg;

	(void)c;
	if (w->job_count || !w->stopping)
		LOG(LOG_WARN, "worker-lost", KU("worker", w->id), KU("copies", w->job_count));
	while (w->jobs) {
		struct job *j = w->jobs;

		jobs_take_back(j);
		results_add_own(j, "", "4.4.2", "the delivery worker died during the attempt",
				true);
	}
	stop_awaiting(w->id);
	worker_free(w);
}

static void take_inflight(struct worker *w, const struct ipc_inflight *m)
{
	for (size_t i = 0; i < m->copies.n; i++) {
		struct job *j = jobs_find(ipc_u64s_at(&m->copies, i));

		if (!j || j->worker || j->done_pending || j->state == STATE_HELD)
			continue;
		jobs_give(j, w, &w->jobs);
		w->job_count++;
	}
	if (!m->last)
		return;
	w->told = true;
	stop_awaiting(w->id);
}

/* Only of a copy that it has: it was given it, or has named it in INFLIGHT. */
static void take_result(struct worker *w, const struct ipc_result *m)
{
	struct job *j = jobs_find(m->copy);

	if (!j || j->worker != w) {
		results_add(m, w, NULL);
		return;
	}
	jobs_take_back(j);
	w->job_count--;
	results_add(m, w, j);
	results_again(j); /* a repeated one, whose commit is known and whose ACK was lost: go on */
}

static void worker_message(struct chan *c, const struct ipc_msg *m, int *fd, void *arg)
{
	struct worker *w = arg;

	(void)c;
	(void)fd;
	switch ((unsigned)m->type) {
	case IPC_INFLIGHT:
		if (!w->told) /* what it gets later it gets from us */
			take_inflight(w, &m->inflight);
		break;
	case IPC_RESULT:
		take_result(w, &m->result);
		break;
	case IPC_STOPPING:
		w->stopping = true;
		break;
	default:
		break;
	}
}

static const struct chan_ops worker_ops = {.message = worker_message, .closed = worker_closed};

static void worker_new(uint64_t id, int *fd)
{
	struct worker *w = mem_alloc(sizeof(*w));

	w->id = id;
	w->next = self.first;
	self.first = w;
	w->chan = chan_new(*fd, IPC_DOOR_DELIVER, IPC_LISTENER, &worker_ops, w);
	*fd = -1;
}

void workers_ack(struct worker *w, uint64_t copy, uint32_t attempt)
{
	struct ipc_msg m = {.type = IPC_ACK};

	m.ack.copy = copy;
	m.ack.attempt = attempt;
	chan_send(w->chan, &m, -1);
}

void workers_dismiss(void)
{
	for (struct worker *w = self.first, *next; w; w = next) {
		next = w->next;
		if (!w->stopping || !w->told || w->job_count || results_waiting())
			continue;
		chan_free(&w->chan);
		stop_awaiting(w->id);
		worker_free(w);
	}
}

static struct worker *least_busy(void)
{
	struct worker *best = NULL;

	for (struct worker *w = self.first; w; w = w->next)
		if (w->told && !w->stopping && w->job_count < conf->queue_in_flight &&
		    (!best || w->job_count < best->job_count))
			best = w;
	return best;
}

unsigned workers_ready(void)
{
	unsigned n = 0;

	for (const struct worker *w = self.first; w; w = w->next)
		n += w->told && !w->stopping;
	return n;
}

bool workers_have_room(void)
{
	return least_busy() != NULL;
}

bool workers_give(struct job *j, const struct ipc_msg *deliver, int fd)
{
	struct worker *w = least_busy();

	if (!w)
		return false;
	jobs_give(j, w, &w->jobs);
	w->job_count++;
	inflight_mark(j, w->id);
	chan_send(w->chan, deliver, fd);
	return true;
}

/* the BROKER door: the parent, and workers that have lost theirs */

static void take_names(struct chan *parent, const struct ipc_workers *m)
{
	self.parent = parent;
	self.named = true;
	self.awaited_count = m->ids.n;
	for (size_t i = 0; i < self.awaited_count; i++)
		self.awaited[i] = ipc_u64s_at(&m->ids, i);
	for (struct worker *w = self.first; w; w = w->next)
		if (w->told)
			stop_awaiting(w->id);
	stop_awaiting(0);
}

static void broker_message(struct chan *c, const struct ipc_msg *m, int *fd, void *arg)
{
	(void)arg;
	if (m->type == IPC_WORKER)
		worker_new(m->worker.id, fd);
	else
		take_names(c, &m->workers);
}

static void broker_closed(struct chan *c, void *arg)
{
	(void)arg;
	if (c != self.parent)
		return;
	self.parent = NULL;
	self.awaited_count = 0;
	self.named = self.known; /* else its next WORKERS is awaited */
}

static const struct chan_ops broker_ops = {.message = broker_message, .closed = broker_closed};

static void broker_accepted(int fd, void *arg)
{
	(void)arg;
	chan_new(fd, IPC_DOOR_BROKER, IPC_LISTENER, &broker_ops, NULL);
}

void workers_init(void)
{
	uid_t deliverd = role_uid(ROLE_DELIVERD);
	int err = chan_listen(IPC_DOOR_BROKER, &deliverd, 1, broker_accepted, NULL, &self.listener);

	if (err)
		die(EX_CANTCREAT, "%s: %s", ipc_door_path(IPC_DOOR_BROKER), strerror(-err));
}
