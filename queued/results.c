/*
 * results.c - how attempts ended: state, event and schedule in one flushed transaction a loop
 * turn, then the ACKs.
 *
 * A RESULT is taken back out of the list only when its commit has succeeded; a failing database
 * (a full disk) delays everything here and loses nothing: the workers keep theirs, too.
 */
#include <sodium.h>
#include <stdio.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/outcome.h"
#include "queued/queued.h"
#include "queued/store.h"

enum { RETRY_MS = 1000, QUICK_RETRIES = 2, LAST_MAX = 1024 };

struct result {
	struct result *next;
	struct worker *worker; /* NULL: nobody to tell */
	struct job *job;       /* NULL: known already, only to be acknowledged */
	struct buf packet;     /* what m points into */
	struct ipc_result m;
	bool own; /* not a worker's: it died, or never had the copy */
	int64_t at_ms;
	/* what the transaction will make of the copy */
	enum copy_state state;
	unsigned attempts;
	int64_t due_ms;
};

static struct {
	struct result *first, **last;
	bool stuck;
	struct loop_timer *retry;
} self = {.last = &self.first};

static void on_retry(void *arg)
{
	(void)arg; /* the end of the turn commits */
}

void results_init(void)
{
	self.retry = loop_timer_new(on_retry, NULL);
}

bool results_stuck(void)
{
	return self.stuck;
}

static struct result *add(const struct ipc_result *m, struct worker *worker, struct job *j)
{
	struct result *r = mem_alloc(sizeof(*r));
	struct ipc_msg msg = {.type = IPC_RESULT, .result = *m};

	/* its spans die with the packet they came in */
	buf_init(&r->packet, LIMIT_IPC);
	ipc_encode(&msg, &r->packet);
	must(buf_ok(&r->packet) && ipc_decode(buf_span(&r->packet), &msg) == 0);
	r->m = msg.result;
	r->worker = worker;
	r->job = j;
	r->at_ms = wall_now().ms;
	if (j) {
		j->done_pending = true;
		j->former = false;
	}
	*self.last = r;
	self.last = &r->next;
	return r;
}

void results_add(const struct ipc_result *m, struct worker *worker)
{
	struct job *j = jobs_find(m->copy);

	/* a repeated RESULT of an attempt that is committed, or about to be */
	if (j && (j->done_pending || j->worker || m->attempt != j->attempts + 1))
		j = NULL;
	add(m, worker, j);
}

void results_add_own(struct job *j, const char *stage, const char *status, const char *text,
		     bool uncertain)
{
	struct ipc_result m = {
		.copy = j->copy,
		.attempt = j->attempts + 1,
		.kind = OUTCOME_TEMP,
		.uncertain = uncertain,
		.status = span_str(status),
		.text = span_str(text),
		.stage = span_str(stage),
		.started_ms = (uint64_t)wall_now().ms,
	};

	add(&m, NULL, j)->own = true;
}

void results_add_corrupt(struct job *j, const char *why)
{
	struct ipc_result m = {
		.copy = j->copy, .attempt = j->attempts + 1, .corrupt = 1, .text = span_str(why)};

	add(&m, NULL, j);
}

void results_forget_worker(const struct worker *w)
{
	for (struct result *r = self.first; r; r = r->next)
		if (r->worker == w)
			r->worker = NULL;
}

/* What a result means for its copy (promise 4: doubt is temporary). */

static int64_t retry_at(const struct job *j, unsigned attempts, int64_t now_ms)
{
	int64_t end = j->message->received_ms + conf->queue_lifetime_ms;
	int64_t next =
		now_ms + plan_retry_ms(&conf->queue_retry, attempts, randombytes_uniform(100));

	/* one last try when the time is up */
	return next > end && now_ms < end ? end : next;
}

/* A death of ours is no reason to let the recipient wait, unless it happens again. */
static int64_t next_try(const struct result *r)
{
	bool died = r->own && r->m.uncertain;

	if (died && r->attempts <= QUICK_RETRIES)
		return r->at_ms + RETRY_MS;
	return retry_at(r->job, r->attempts, r->at_ms);
}

static void decide(struct result *r)
{
	const struct job *j = r->job;

	r->attempts = j->attempts;
	r->due_ms = j->due_ms;
	r->state = j->state;
	if (r->m.corrupt) {
		r->state = STATE_HELD;
		return;
	}
	if (r->m.returned) {
		r->due_ms = r->at_ms;
		return;
	}
	r->attempts = r->m.attempt;
	if (r->m.kind == OUTCOME_DONE) {
		r->state = STATE_DELIVERED;
	} else if (r->m.kind == OUTCOME_PERM) {
		r->state = STATE_FAILED;
	} else if (r->at_ms - j->message->received_ms >= conf->queue_lifetime_ms) {
		r->state = STATE_EXPIRED;
	} else {
		r->state = STATE_DEFERRED;
		r->due_ms = next_try(r);
	}
}

/* events */

#define ATTEMPT(r)                                                                         \
	.attempt = (r)->m.attempt, .code = (r)->m.code, .status = (r)->m.status,           \
	.text = (r)->m.text, .stage = (r)->m.stage, .host = (r)->m.host, .ip = (r)->m.ip,  \
	.port = (r)->m.port, .tls = (r)->m.tls, .signed_by = (r)->m.signed_by,             \
	.queue_ms = queue_ms(r), .dns_ms = (r)->m.dns_ms, .connect_ms = (r)->m.connect_ms, \
	.tls_ms = (r)->m.tls_ms, .sign_ms = (r)->m.sign_ms, .mail_ms = (r)->m.mail_ms,     \
	.data_ms = (r)->m.data_ms, .bytes = (r)->m.bytes

static uint64_t queue_ms(const struct result *r)
{
	int64_t ms = (int64_t)r->m.started_ms - r->job->due_ms;

	return ms > 0 ? (uint64_t)ms : 0;
}

static void put_event(const struct result *r, const struct event *e)
{
	store_put_event(e, r->job->message->n, r->job->copy, r->at_ms);
}

static void put_deferred(const struct result *r)
{
	struct event e = {.type = EVENT_DEFERRED};

	e.deferred = (struct event_deferred){ATTEMPT(r), .uncertain = r->m.uncertain,
					     .next_at = (uint64_t)r->due_ms};
	put_event(r, &e);
}

static void put_expired(const struct result *r)
{
	struct event e = {.type = EVENT_EXPIRED};

	e.expired = (struct event_expired){.attempts = r->attempts, .last = r->m.text};
	put_event(r, &e);
}

static void put_corrupt(const struct result *r)
{
	struct event e = {.type = EVENT_CORRUPT};

	e.corrupt.reason =
		r->m.text.n ? r->m.text : span_str("the body does not match its checksum");
	put_event(r, &e);
}

static void put_final(const struct result *r)
{
	struct event delivered = {.type = EVENT_DELIVERED}, failed = {.type = EVENT_FAILED};

	delivered.delivered = (struct event_delivered){ATTEMPT(r)};
	failed.failed = (struct event_failed){ATTEMPT(r)};
	if (r->state == STATE_DELIVERED)
		put_event(r, &delivered);
	else if (r->state == STATE_FAILED)
		put_event(r, &failed);
	else
		put_expired(r);
	store_close_one(r->job->message->n);
}

static void put(struct result *r)
{
	struct job after = *r->job;
	char last[LAST_MAX];
	struct span text = span_head(r->m.text, sizeof(last) - 1);

	decide(r);
	after.state = r->state;
	after.attempts = r->attempts;
	after.due_ms = r->due_ms;
	if (span_cstr(text, last, sizeof(last)) != 0)
		last[0] = '\0';
	store_put_copy(&after, last);
	if (r->m.corrupt)
		put_corrupt(r);
	else if (state_final(r->state))
		put_final(r);
	else if (!r->m.returned)
		put_deferred(r);
}

/* after the commit */

static void log_result(const struct result *r)
{
	LOG(state_final(r->state) && r->state != STATE_DELIVERED ? LOG_WARN : LOG_INFO,
	    r->m.returned ? "returned" : state_name(r->state), KS("id", r->job->message->id.s),
	    KU("copy", r->job->copy), KB("rcpt", addr_span(&r->job->rcpt)),
	    KU("attempt", r->m.attempt), KB("host", r->m.host), KB("ip", r->m.ip),
	    KB("tls", r->m.tls), KU("code", r->m.code), KB("status", r->m.status),
	    KB("stage", r->m.stage), KB("text", r->m.text), KU("uncertain", r->m.uncertain),
	    KI("next_s", r->state == STATE_DEFERRED ? (r->due_ms - r->at_ms) / 1000 : 0));
}

struct finished {
	struct qid id;
	uint64_t n;
};

/* Moves the files of finished messages, then says where they are; not flushed: it is done again
 * at the next start if it is lost. */
static void finish_messages(const struct finished *list, size_t n)
{
	if (!n)
		return;
	store_begin(false);
	for (size_t i = 0; i < n; i++) {
		int64_t day = files_finish(&list[i].id);

		if (day >= 0)
			store_put_kept(list[i].n, day);
	}
	if (!store_commit())
		LOG(LOG_WARN, "kept-not-noted", KU("messages", n));
}

/* The message's other copies find it there in their turn, each with its event. */
static void put_aside(struct message *m, struct span reason)
{
	char path[SPOOL_PATH_SIZE], why[SPOOL_WHY_SIZE];

	if (span_cstr(span_head(reason, sizeof(why) - 1), why, sizeof(why)) != 0)
		why[0] = '\0';
	m->put_aside = true;
	spool_path_cur(&m->id, path);
	files_to_corrupt(path, m->id.s, why);
}

/* True: its message is finished. */
static bool settle(struct result *r, struct finished *out)
{
	struct job *j = r->job;

	j->done_pending = false;
	inflight_clear(j);
	j->state = r->state;
	j->attempts = r->attempts;
	j->due_ms = r->due_ms;
	*out = (struct finished){j->message->id, j->message->n};
	if (state_final(j->state))
		return jobs_end(j);
	if (r->m.corrupt && !j->message->put_aside)
		put_aside(j->message, r->m.text);
	jobs_schedule(j);
	return false;
}

static size_t settle_all(struct finished *finished)
{
	size_t n = 0;

	while (self.first) {
		struct result *r = self.first;

		self.first = r->next;
		if (r->job) {
			log_result(r);
			n += settle(r, &finished[n]);
		}
		if (r->worker)
			workers_ack(r->worker, r->m.copy, r->m.attempt);
		buf_done(&r->packet);
		mem_free(r);
	}
	self.last = &self.first;
	return n;
}

static bool write_all(size_t *count)
{
	bool facts = false;

	for (struct result *r = self.first; r; r = r->next) {
		(*count)++;
		facts = facts || r->job;
	}
	if (!facts)
		return true;
	store_begin(true);
	for (struct result *r = self.first; r; r = r->next)
		if (r->job)
			put(r);
	return store_commit();
}

void results_commit(void)
{
	size_t count = 0;

	if (!self.first)
		return;
	self.stuck = !write_all(&count);
	if (self.stuck) {
		loop_timer_set(self.retry, RETRY_MS);
		return;
	}
	struct finished *finished = mem_alloc(count * sizeof(*finished));
	finish_messages(finished, settle_all(finished));
	mem_free(finished);
}
