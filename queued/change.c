/*
 * change.c - what a change means for its copy (promise 4: doubt is temporary), and its events.
 */
#include "queued/change.h"

#include <sodium.h>
#include <stdio.h>

#include "common/log.h"
#include "common/outcome.h"
#include "queued/queued.h"
#include "queued/store.h"

enum { RETRY_MS = 1000, QUICK_RETRIES = 2, LAST_MAX = 1024 };

/* deciding */

static int64_t min_ms(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When the copy ends as expired. */
static struct mono end_of(const struct job *j)
{
	int64_t lifetime = j->message->received.ms + conf->queue_lifetime_ms;

	return (struct mono){min_ms(lifetime, j->message->expires.ms)};
}

static bool is_expired(const struct change *c)
{
	const struct message *m = c->job->message;

	return c->now.ms >= m->expires.ms ||
	       plan_expired(&conf->queue_retry, c->attempts, c->now.ms - m->received.ms,
			    conf->queue_lifetime_ms);
}

/* A death of ours is no reason to let the recipient wait, unless it happens again. */
static struct mono next_try(const struct change *c)
{
	const struct job *j = c->job;
	bool died = c->own && c->m.uncertain;
	int64_t wait =
		died && c->attempts <= QUICK_RETRIES
			? RETRY_MS
			: plan_retry_ms(&conf->queue_retry, c->attempts, randombytes_uniform(100));
	int64_t tell = j->message->received.ms + conf->queue_delay_event_ms;
	int64_t next = plan_next_ms(c->now.ms, wait, end_of(j).ms);

	if (!(c->flags & JOB_TOLD_DELAY) && c->now.ms < tell)
		next = min_ms(next, tell);
	return (struct mono){next};
}

static void hold(struct change *c, enum hold why)
{
	c->state = STATE_HELD;
	c->hold = why;
	c->due.ms = why == HOLD_CORRUPT ? INT64_MAX : c->now.ms + conf->queue_hold_lifetime_ms;
}

/* An operator wanted to stop it while a worker had it, and it has not been delivered. */
static void interrupt(struct change *c)
{
	c->interrupted = true;
	if (!c->reason && c->job->wanted_why)
		c->reason = mem_strdup(c->job->wanted_why);
	if (c->job->wanted == QUEUE_HOLD)
		hold(c, HOLD_OPERATOR);
	else
		c->state = STATE_CANCELLED;
}

static void defer(struct change *c)
{
	int64_t age = c->now.ms - c->job->message->received.ms;

	c->state = STATE_DEFERRED;
	if (!(c->flags & JOB_TOLD_DELAY) && age >= conf->queue_delay_event_ms) {
		c->delayed = true;
		c->flags |= JOB_TOLD_DELAY;
	}
	c->due = next_try(c);
	if (c->job->wanted)
		interrupt(c);
}

static void decide_attempt(struct change *c)
{
	if (c->m.corrupt) {
		hold(c, HOLD_CORRUPT);
		if (c->job->wanted == QUEUE_CANCEL)
			interrupt(c);
	} else if (c->m.returned) {
		c->due = c->now;
		if (c->job->wanted)
			interrupt(c);
	} else {
		c->attempts = c->m.attempt;
		if (c->m.kind == OUTCOME_DONE)
			c->state = STATE_DELIVERED;
		else if (c->m.kind == OUTCOME_PERM)
			c->state = STATE_FAILED;
		else if (is_expired(c))
			c->state = STATE_EXPIRED;
		else
			defer(c);
	}
}

static void release(struct change *c)
{
	if (c->hold == HOLD_CREDENTIAL || c->hold == HOLD_DEVELOPMENT)
		c->flags |= JOB_RELEASED;
	c->state = c->attempts ? STATE_DEFERRED : STATE_QUEUED;
	c->hold = HOLD_NONE;
	c->due = c->now;
}

void change_decide(struct change *c)
{
	const struct job *j = c->job;
	enum hold why = c->hold;

	c->state = j->state;
	c->hold = j->hold;
	c->attempts = j->attempts;
	c->flags = j->flags;
	c->due = j->due;
	c->delayed = c->interrupted = false;
	switch (c->kind) {
	case CHANGE_ATTEMPT:
		decide_attempt(c);
		break;
	case CHANGE_HOLD:
		hold(c, why);
		if (why == HOLD_SEND_LIMIT)
			c->due = usage_room_at(j->message->usage, c->now,
					       j->message->usage->send_limit);
		break;
	case CHANGE_RELEASE:
		release(c);
		break;
	case CHANGE_SUPPRESS:
		c->state = STATE_SUPPRESSED;
		break;
	case CHANGE_EXPIRE:
		c->state = STATE_EXPIRED;
		break;
	case CHANGE_CANCEL:
		c->state = STATE_CANCELLED;
		break;
	case CHANGE_RETRY:
		c->due = c->now;
		break;
	}
}

/* events */

#define ATTEMPT(c)                                                                           \
	.attempt = (c)->m.attempt, .code = (c)->m.code, .status = (c)->m.status,             \
	.text = (c)->m.text, .stage = (c)->m.stage, .host = (c)->m.host, .ip = (c)->m.ip,    \
	.port = (c)->m.port, .tls = (c)->m.tls, .tls_note = (c)->m.tls_note,                 \
	.signed_by = (c)->m.signed_by, .queue_ms = queue_ms(c), .dns_ms = (c)->m.dns_ms,     \
	.connect_ms = (c)->m.connect_ms, .tls_ms = (c)->m.tls_ms, .sign_ms = (c)->m.sign_ms, \
	.mail_ms = (c)->m.mail_ms, .data_ms = (c)->m.data_ms, .bytes = (c)->m.bytes

static uint64_t queue_ms(const struct change *c)
{
	int64_t ms = (int64_t)c->m.started_ms - wall_of_mono(c->job->due).ms;

	return ms > 0 ? (uint64_t)ms : 0;
}

static uint64_t wall_u64(struct mono t)
{
	struct wall w = wall_of_mono(t);

	return w.ms > 0 && w.ms != INT64_MAX ? (uint64_t)w.ms : 0;
}

static void put_event(const struct change *c, const struct event *e)
{
	store_put_event(e, c->job->message->n, c->job->copy, c->at.ms);
}

static void put_deferred(const struct change *c)
{
	struct event e = {.type = EVENT_DEFERRED};

	e.deferred = (struct event_deferred){ATTEMPT(c), .uncertain = c->m.uncertain,
					     .next_at = wall_u64(c->due)};
	put_event(c, &e);
}

static void put_delayed(const struct change *c)
{
	struct event e = {.type = EVENT_DELAYED};

	e.delayed = (struct event_delayed){
		.attempts = c->attempts, .last = c->m.text, .until = wall_u64(end_of(c->job))};
	put_event(c, &e);
}

static void put_expired(const struct change *c)
{
	struct event e = {.type = EVENT_EXPIRED};

	e.expired = (struct event_expired){.attempts = c->attempts, .last = c->m.text};
	put_event(c, &e);
}

static void put_corrupt(const struct change *c)
{
	struct event e = {.type = EVENT_CORRUPT};

	e.corrupt.reason =
		c->m.text.n ? c->m.text : span_str("the body does not match its checksum");
	put_event(c, &e);
}

static void put_held(const struct change *c)
{
	struct event e = {.type = EVENT_HELD};

	e.held = (struct event_held){.reason = span_str(hold_name(c->hold)),
				     .detail =
					     span_str(c->reason ? c->reason : hold_detail(c->hold)),
				     .until = wall_u64(c->due)};
	put_event(c, &e);
}

static void put_cancelled(const struct change *c)
{
	struct event e = {.type = EVENT_CANCELLED};

	e.cancelled.reason = span_str(c->reason ? c->reason : "an operator cancelled it");
	put_event(c, &e);
}

static void put_suppressed(const struct change *c)
{
	struct event e = {.type = EVENT_SUPPRESSED};

	e.suppressed = (struct event_suppressed){.reason = span_str(c->reason),
						 .since = (uint64_t)c->since_ms,
						 .until = (uint64_t)c->until_ms};
	put_event(c, &e);
}

static void put_interrupted(const struct change *c)
{
	if (c->state == STATE_HELD)
		put_held(c);
	else
		put_cancelled(c);
}

static void put_attempt(const struct change *c)
{
	struct event delivered = {.type = EVENT_DELIVERED}, failed = {.type = EVENT_FAILED};

	delivered.delivered = (struct event_delivered){ATTEMPT(c)};
	failed.failed = (struct event_failed){ATTEMPT(c)};
	if (c->m.corrupt)
		put_corrupt(c);
	else if (c->state == STATE_DELIVERED)
		put_event(c, &delivered);
	else if (c->state == STATE_FAILED)
		put_event(c, &failed);
	else if (c->state == STATE_EXPIRED)
		put_expired(c);
	else if (!c->m.returned)
		put_deferred(c);
	if (c->m.smtp.n && !c->m.returned && conf->retention_smtp_ms)
		store_put_conversation(c->m.smtp, c->at.ms);
	if (c->delayed)
		put_delayed(c);
	if (c->interrupted)
		put_interrupted(c);
}

static void put_events(const struct change *c)
{
	struct event released = {.type = EVENT_RELEASED}, retried = {.type = EVENT_RETRIED};

	switch (c->kind) {
	case CHANGE_ATTEMPT:
		put_attempt(c);
		break;
	case CHANGE_HOLD:
		put_held(c);
		break;
	case CHANGE_RELEASE:
		released.released.reason = span_str(c->reason);
		put_event(c, &released);
		break;
	case CHANGE_SUPPRESS:
		put_suppressed(c);
		break;
	case CHANGE_EXPIRE:
		put_expired(c);
		break;
	case CHANGE_CANCEL:
		put_cancelled(c);
		break;
	case CHANGE_RETRY:
		retried.retried.reason = span_str(c->reason);
		put_event(c, &retried);
		break;
	}
}

void change_put(struct change *c)
{
	char last[LAST_MAX] = "";
	struct span text = span_head(c->m.text, sizeof(last) - 1);

	change_decide(c);
	if (span_cstr(text, last, sizeof(last)) != 0)
		last[0] = '\0';
	store_put_copy(&(struct store_copy){.copy = c->job->copy,
					    .state = c->state,
					    .attempts = c->attempts,
					    .due = c->due,
					    .hold = c->state == STATE_HELD ? c->hold : HOLD_NONE,
					    .flags = c->flags,
					    .last = c->kind == CHANGE_ATTEMPT ? last : NULL});
	put_events(c);
	if (state_final(c->state))
		store_close_one(c->job->message->n);
}

/* the log */

static void log_attempt(const struct change *c)
{
	const struct job *j = c->job;

	LOG(state_final(c->state) && c->state != STATE_DELIVERED ? LOG_WARN : LOG_INFO,
	    c->m.returned ? "returned" : state_name(c->state), KS("id", j->message->id.s),
	    KU("copy", j->copy), KS("rcpt", j->rcpt), KU("attempt", c->m.attempt),
	    KB("host", c->m.host), KB("ip", c->m.ip), KB("tls", c->m.tls), KU("code", c->m.code),
	    KB("status", c->m.status), KB("stage", c->m.stage), KB("text", c->m.text),
	    KU("uncertain", c->m.uncertain),
	    KI("next_s", c->state == STATE_DEFERRED ? (c->due.ms - c->now.ms) / 1000 : 0));
}

static void log_decided(const struct change *c)
{
	const char *reason = c->reason ? c->reason : "";

	LOG(LOG_INFO,
	    c->kind == CHANGE_RELEASE ? "released"
	    : c->kind == CHANGE_RETRY ? "retried"
				      : state_name(c->state),
	    KS("id", c->job->message->id.s), KU("copy", c->job->copy), KS("rcpt", c->job->rcpt),
	    KS("reason", c->kind == CHANGE_HOLD ? hold_name(c->hold) : reason));
}

void change_log(const struct change *c)
{
	if (c->kind == CHANGE_ATTEMPT)
		log_attempt(c);
	else
		log_decided(c);
}
