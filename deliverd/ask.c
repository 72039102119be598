/*
 * ask.c - see ask.h.
 *
 * Pending questions stand in a ring that begins in the asker.  A request number is never used
 * again, so a late answer to a question that was taken back finds nobody.
 */
#include "deliverd/ask.h"

#include "common/log.h"
#include "common/loop.h"

enum { RETRY_FIRST_MS = 50, RETRY_MAX_MS = 1000, SENT_MAX = 2 };

struct asker {
	enum ipc_door door;
	struct chan *chan;
	struct loop_timer *retry;
	int64_t retry_ms;
	struct mono away_since;
	bool away; /* for ASK_AWAY_MS already: nobody waits any more */
	uint64_t next_request;
	struct ask ring;
};

static void on_message(struct chan *c, const struct ipc_msg *m, int *fd, void *arg);
static void on_closed(struct chan *c, void *arg);

static const struct chan_ops ops = {on_message, on_closed};

static void unlink_ask(struct ask *a)
{
	a->prev->next = a->next;
	a->next->prev = a->prev;
	a->asker = NULL;
}

static void answer(struct ask *a, const struct ipc_msg *m)
{
	unlink_ask(a);
	a->answered(a, m);
}

/* Answering may end attempts, which take back other questions: so always the first one. */
static void answer_all_with_nothing(struct asker *k)
{
	while (k->ring.next != &k->ring)
		answer(k->ring.next, NULL);
}

static void send_ask(struct asker *k, struct ask *a)
{
	struct ipc_msg m = {.type = IPC_NONE};

	a->sent++;
	a->fill(a, a->request, &m);
	chan_send(k->chan, &m, -1);
}

static void send_pending(struct asker *k)
{
	for (struct ask *a = k->ring.next; a != &k->ring; a = a->next)
		send_ask(k, a);
}

/* Asked twice and lost twice: the question itself may be what ends the other side. */
static void answer_the_suspicious(struct asker *k)
{
	for (struct ask *a = k->ring.next; a != &k->ring;) {
		if (a->sent < SENT_MAX) {
			a = a->next;
			continue;
		}
		answer(a, NULL); /* may take back any other */
		a = k->ring.next;
	}
}

static void connect_now(void *arg)
{
	struct asker *k = arg;

	if (chan_connect(k->door, &ops, k, &k->chan) == 0) {
		if (k->away)
			LOG(LOG_INFO, "service-back", KS("door", ipc_door_path(k->door)));
		k->away = false;
		k->retry_ms = RETRY_FIRST_MS;
		send_pending(k);
		return;
	}
	loop_timer_set(k->retry, k->retry_ms);
	k->retry_ms = k->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : k->retry_ms * 2;
	if (!k->away && mono_now().ms - k->away_since.ms >= ASK_AWAY_MS) {
		k->away = true;
		LOG(LOG_WARN, "service-away", KS("door", ipc_door_path(k->door)));
	}
	if (k->away)
		answer_all_with_nothing(k);
}

static void on_closed(struct chan *c, void *arg)
{
	struct asker *k = arg;

	(void)c;
	k->chan = NULL;
	k->away_since = mono_now();
	loop_timer_set(k->retry, k->retry_ms);
	answer_the_suspicious(k);
}

static uint64_t request_of(const struct ipc_msg *m)
{
	if (m->type == IPC_ANSWER)
		return m->answer.request;
	return m->type == IPC_SIGNATURES ? m->signatures.request : 0;
}

static void on_message(struct chan *c, const struct ipc_msg *m, int *fd, void *arg)
{
	struct asker *k = arg;
	uint64_t request = request_of(m);

	(void)c;
	(void)fd;
	for (struct ask *a = k->ring.next; a != &k->ring; a = a->next) {
		if (a->request == request) {
			answer(a, m);
			return;
		}
	}
}

struct asker *asker_new(enum ipc_door door)
{
	struct asker *k = mem_alloc(sizeof(*k));

	k->door = door;
	k->ring.prev = k->ring.next = &k->ring;
	k->retry_ms = RETRY_FIRST_MS;
	k->away_since = mono_now();
	k->retry = loop_timer_new(connect_now, k);
	connect_now(k);
	return k;
}

void asker_ask(struct asker *k, struct ask *a)
{
	must(!a->asker);
	if (k->away) {
		a->answered(a, NULL);
		return;
	}
	a->asker = k;
	a->request = ++k->next_request;
	a->sent = 0;
	a->next = &k->ring;
	a->prev = k->ring.prev;
	a->prev->next = a;
	k->ring.prev = a;
	if (k->chan)
		send_ask(k, a);
}

void ask_cancel(struct ask *a)
{
	if (a->asker)
		unlink_ask(a);
}
