/*
 * deliver.c - what is due and may go becomes a DELIVER message to a worker.
 */
#include <stdio.h>
#include <sodium.h>

#include "common/ipc/grant.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mail/token.h"
#include "common/proc.h"
#include "queued/queued.h"

enum {
	GRANT_S = 1800,	 /* longer than an attempt lasts until it signs */
	GRANT_USES = 10, /* hosts that one attempt may try */
	BATCH = 200,	 /* in one loop turn */
	CONTROL_RETRY_MS = 1000,
	WAKE_MAX_MS = 60000,
};

static struct {
	uint8_t grant_key[GRANT_KEY_SIZE];
	uint8_t complaint_key[TOKEN_KEY_SIZE];
	struct loop_timer *timer;
	bool paused;
} self;

static void on_due(void *arg)
{
	(void)arg; /* being woken is enough: the end of the turn plans */
}

void deliver_init(void)
{
	uint8_t master[TOKEN_KEY_SIZE];

	secret_load("queued", "grant", self.grant_key);
	secret_load("queued", "token", master);
	token_subkey(master, TOKEN_COMPLAINT, self.complaint_key);
	sodium_memzero(master, sizeof(master));
	self.timer = loop_timer_new(on_due, NULL);
}

void deliver_pause(bool on)
{
	self.paused = on;
}

bool deliver_paused(void)
{
	return self.paused;
}

static bool is_utf8(const struct job *j, const struct spool_in *in)
{
	return in->flags & SPOOL_FLAG_UTF8 || !span_is_ascii(span_str(j->rcpt));
}

static bool send_job(struct job *j, const struct spool_in *in, const struct ipc_spans *sign)
{
	struct ipc_msg m = {.type = IPC_DELIVER};
	struct ipc_deliver *d = &m.deliver;
	uint8_t grant[GRANT_SIZE];
	char prefix[128], token[TOKEN_TEXT_SIZE];
	struct wall received = wall_of_mono(j->message->received);

	token_make(self.complaint_key, 0, (uint8_t)conf->node, (uint16_t)wall_day(received),
		   j->copy, token);
	snprintf(prefix, sizeof(prefix), "X-Posthaste-Ref: %s\r\n", token);
	d->copy = j->copy;
	d->attempt = j->attempts + 1;
	d->id = span_str(j->message->id.s);
	d->sender = span_str(j->return_path);
	d->rcpt = span_str(j->rcpt);
	d->body_offset = in->body_offset;
	d->body_size = in->body_size;
	d->body_hash = span_of(in->body_hash, sizeof(in->body_hash));
	d->eight_bit = (in->flags & SPOOL_FLAG_EIGHT_BIT) != 0;
	d->utf8 = is_utf8(j, in);
	d->prefix = span_str(prefix);
	d->sign = *sign;
	d->relay = gate_relay(j);
	grant_make(self.grant_key, j->copy, &d->sign, (uint64_t)(wall_now().ms / 1000) + GRANT_S,
		   GRANT_USES, grant);
	d->grant = span_of(grant, sizeof(grant));
	return workers_give(j, &m, in->fd);
}

static void cannot_open(struct job *j, int err)
{
	if (err == -ENOENT || err == -EBADMSG) {
		results_add_corrupt(j,
				    err != -ENOENT ? "its file has no valid END record"
				    : j->message->put_aside
					    ? "its file was found damaged and lies in spool/corrupt"
					    : "its file is missing from spool/cur");
		return;
	}
	LOG(LOG_ERROR, "open-failed", KS("id", j->message->id.s), KERR(err));
	results_add_own(j, "queue", "4.3.0", "the stored message could not be opened", false);
}

static void put_back(struct job *j)
{
	jobs_unplan(j);
	jobs_schedule(j);
}

/* The copy may go: to a worker.  False: nobody has room. */
static bool hand_over(struct job *j, const struct control_sign_list *list)
{
	char text[CONTROL_SIGN_KEYS_MAX][SIGNKEY_TEXT_SIZE];
	struct span item[CONTROL_SIGN_KEYS_MAX];
	struct ipc_spans sign = {.n = (uint16_t)list->n, .items = item};
	struct spool_in in;
	bool given;
	int err = files_open(&j->message->id, &in);

	if (err) {
		cannot_open(j, err);
		return true;
	}
	for (size_t i = 0; i < list->n; i++) {
		signkey_text(&list->key[i], text[i]);
		item[i] = span_str(text[i]);
	}
	given = send_job(j, &in, &sign);
	spool_in_close(&in);
	if (!given)
		put_back(j);
	return given;
}

/* False: nothing more can be done now. */
static bool deliver_one(struct job *j)
{
	struct control_sign_list list;
	enum gate gate = gate_look(j);

	if (gate == GATE_OPEN)
		gate = gate_sign_list(j, &list);
	if (gate == GATE_UNKNOWN)
		put_back(j);
	if (gate != GATE_OPEN)
		return gate == GATE_STOPPED;
	return hand_over(j, &list);
}

/* Sleeps until the next copy is due. */
static void set_timer(void)
{
	int64_t due = plan_next_due(&jobs_plan), now = mono_now().ms, oldest;
	int64_t wait = due == INT64_MAX ? WAKE_MAX_MS : due - now;
	size_t waiting;

	plan_waiting(&jobs_plan, now, &waiting, &oldest);
	/* what waits for a place is woken by a RESULT; or something is not ready */
	if (waiting && workers_have_room() && wait > CONTROL_RETRY_MS)
		wait = CONTROL_RETRY_MS;
	loop_timer_set(self.timer, wait < 0 ? 0 : wait < WAKE_MAX_MS ? wait : WAKE_MAX_MS);
}

void deliver_due(void)
{
	int n = 0;

	if (!workers_known() || results_stuck() || self.paused)
		return;
	while (n < BATCH && workers_have_room() && gate_ready()) {
		struct plan_entry *e = plan_take(&jobs_plan, mono_now().ms);

		if (!e || !deliver_one(container_of(e, struct job, plan)))
			break;
		n++;
	}
	if (n == BATCH)
		loop_timer_set(self.timer, 0);
	else
		set_timer();
}
