/*
 * results.c - changes of copies, gathered for one flushed transaction a loop turn; then the ACKs.
 *
 * A change is taken out of the list only when its commit has succeeded; a failing database (a full
 * disk) delays everything here and loses nothing: the workers keep their RESULTs, too.
 */
#include <stdio.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/outcome.h"
#include "queued/change.h"
#include "queued/queued.h"
#include "queued/store.h"

enum { RETRY_MS = 1000 };

/* Where a finished message's file lies, not yet noted in mail.db. */
struct kept_note {
	uint64_t message;
	int64_t day;
};

static struct {
	struct change *first, **last;
	bool stuck;
	struct loop_timer *retry;
	struct kept_note *notes;
	size_t note_count, note_cap;
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

bool results_waiting(void)
{
	return self.first;
}

bool results_due(void)
{
	return self.first || self.note_count;
}

/* gathering */

static struct change *add(enum change_kind kind, struct job *j)
{
	struct change *c = mem_alloc(sizeof(*c));

	c->kind = kind;
	c->job = j;
	c->at = wall_now();
	c->now = mono_now();
	if (j) {
		jobs_unplan(j);
		j->done_pending = true;
		j->former = false;
	}
	*self.last = c;
	self.last = &c->next;
	return c;
}

static struct change *add_attempt(const struct ipc_result *m, struct worker *worker, struct job *j)
{
	struct ipc_msg msg = {.type = IPC_RESULT, .result = *m};
	struct change *c = add(CHANGE_ATTEMPT, j);

	/* its spans die with the packet they came in */
	buf_init(&c->packet, LIMIT_IPC);
	ipc_encode(&msg, &c->packet);
	must(buf_ok(&c->packet) && ipc_decode(buf_span(&c->packet), &msg) == 0);
	c->m = msg.result;
	c->worker = worker;
	return c;
}

void results_add(const struct ipc_result *m, struct worker *worker, struct job *j)
{
	/* a repeated RESULT of an attempt that is committed, or about to be */
	if (j && (j->done_pending || m->attempt != j->attempts + 1))
		j = NULL;
	add_attempt(m, worker, j);
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

	add_attempt(&m, NULL, j)->own = true;
}

void results_add_corrupt(struct job *j, const char *why)
{
	struct ipc_result m = {
		.copy = j->copy, .attempt = j->attempts + 1, .corrupt = 1, .text = span_str(why)};

	add_attempt(&m, NULL, j);
}

void results_hold(struct job *j, enum hold why, const char *detail)
{
	struct change *c = add(CHANGE_HOLD, j);

	c->hold = why;
	c->reason = detail ? mem_strdup(detail) : NULL;
}

void results_release(struct job *j, const char *reason)
{
	add(CHANGE_RELEASE, j)->reason = mem_strdup(reason);
}

void results_expire(struct job *j)
{
	add(CHANGE_EXPIRE, j);
}

void results_cancel(struct job *j, const char *reason)
{
	add(CHANGE_CANCEL, j)->reason = mem_strdup(reason);
}

void results_retry(struct job *j, const char *reason)
{
	add(CHANGE_RETRY, j)->reason = mem_strdup(reason);
}

static const char by_operator[] = "an operator cancelled it";

void results_again(struct job *j)
{
	if (!j->wanted || j->done_pending || j->worker || j->former)
		jobs_schedule(j);
	else if (j->wanted == QUEUE_HOLD)
		results_hold(j, HOLD_OPERATOR, j->wanted_why);
	else
		results_cancel(j, j->wanted_why ? j->wanted_why : by_operator);
}

void results_suppress(struct job *j, const struct suppression *s)
{
	struct change *c = add(CHANGE_SUPPRESS, j);

	c->reason = mem_strdup(s->reason);
	c->since_ms = s->created.ms;
	c->until_ms = s->expires.ms;
}

void results_forget_worker(const struct worker *w)
{
	for (struct change *c = self.first; c; c = c->next)
		if (c->worker == w)
			c->worker = NULL;
}

/* after the commit */

struct finished {
	struct qid id;
	uint64_t n;
};

static void add_note(uint64_t message, int64_t day)
{
	if (self.note_count == self.note_cap) {
		self.note_cap = self.note_cap ? 2 * self.note_cap : 64;
		self.notes = mem_grow(self.notes, self.note_cap * sizeof(*self.notes));
	}
	self.notes[self.note_count++] = (struct kept_note){message, day};
}

/* Moves the files of finished messages.  Where they are is said with the next facts, not flushed:
 * it is done again at the next start if it is lost. */
static void finish_messages(const struct finished *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int64_t day = files_finish(&list[i].id);

		if (day >= 0)
			add_note(list[i].n, day);
	}
}

static void put_notes(void)
{
	for (size_t i = 0; i < self.note_count; i++)
		store_put_kept(self.notes[i].message, self.notes[i].day);
}

/* When nothing else was committed for a while. */
static void commit_notes(void)
{
	if (!self.note_count)
		return;
	store_begin(false);
	put_notes();
	if (store_commit())
		self.note_count = 0;
	else
		loop_timer_set(self.retry, RETRY_MS);
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
static bool settle(struct change *c, struct finished *out)
{
	struct job *j = c->job;

	j->done_pending = false;
	inflight_clear(j);
	j->state = c->state;
	j->hold = c->hold;
	j->attempts = c->attempts;
	j->flags = (uint16_t)c->flags;
	j->due = c->due;
	jobs_want(j, 0, "");
	*out = (struct finished){j->message->id, j->message->n};
	if (state_final(j->state))
		return jobs_end(j);
	if (c->m.corrupt && !j->message->put_aside)
		put_aside(j->message, c->m.text);
	jobs_schedule(j);
	return false;
}

static size_t settle_all(struct finished *finished)
{
	size_t n = 0;

	while (self.first) {
		struct change *c = self.first;

		self.first = c->next;
		if (c->job) {
			change_log(c);
			n += settle(c, &finished[n]);
		}
		if (c->worker)
			workers_ack(c->worker, c->m.copy, c->m.attempt);
		buf_done(&c->packet);
		mem_free(c->reason);
		mem_free(c);
	}
	self.last = &self.first;
	return n;
}

static bool write_all(size_t *count)
{
	bool facts = false;

	for (struct change *c = self.first; c; c = c->next) {
		(*count)++;
		facts = facts || c->job;
	}
	if (!facts)
		return true;
	store_begin(true);
	for (struct change *c = self.first; c; c = c->next)
		if (c->job)
			change_put(c);
	put_notes();
	if (!store_commit())
		return false;
	self.note_count = 0;
	return true;
}

bool results_commit(void)
{
	size_t count = 0;

	if (!self.first) {
		commit_notes();
		return true;
	}
	self.stuck = !write_all(&count);
	if (self.stuck) {
		loop_timer_set(self.retry, RETRY_MS);
		return false;
	}
	struct finished *finished = mem_alloc(count * sizeof(*finished));
	finish_messages(finished, settle_all(finished));
	mem_free(finished);
	return true;
}
