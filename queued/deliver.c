/*
 * deliver.c - the last look before an attempt, and the DELIVER message.
 *
 * Everything that may stop a copy is looked at here again, before each attempt: the message's
 * file, its lifetime, and that the domain which signs is still verified.
 */
#include <stdio.h>
#include <sodium.h>

#include "common/control/control.h"
#include "common/ipc/grant.h"
#include "common/log.h"
#include "common/loop.h"
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
	struct control *control;
	struct mono control_retry; /* not before */
	struct loop_timer *timer;
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

static bool control_ready(void)
{
	char error[CONTROL_ERROR_SIZE];

	if (self.control)
		return true;
	if (mono_now().ms < self.control_retry.ms)
		return false;
	self.control = control_open(DB_READ, error, sizeof(error));
	if (!self.control) {
		LOG(LOG_ERROR, "control-unavailable", KS("reason", error));
		self.control_retry.ms = mono_now().ms + CONTROL_RETRY_MS;
	}
	return self.control != NULL;
}

enum signing { SIGNING_KEY, SIGNING_NONE, SIGNING_UNKNOWN };

/* The key that signs: the From domain's, which must still be verified. */
static enum signing find_key(const struct message *m, char out[SIGNKEY_TEXT_SIZE])
{
	struct control_domain found;
	struct signkey key = {.domain = m->domain};
	int err = control_domain(self.control, m->server, &m->domain, &found);

	if (err == -ENOENT || (err == 0 && !found.verified))
		return SIGNING_NONE;
	if (err) {
		LOG(LOG_ERROR, "control-unavailable", KS("reason", control_error(self.control)));
		control_close(&self.control);
		return SIGNING_UNKNOWN;
	}
	snprintf(key.selector, sizeof(key.selector), "%s", found.selector);
	snprintf(key.algorithm, sizeof(key.algorithm), "rsa-sha256");
	signkey_text(&key, out);
	return SIGNING_KEY;
}

static bool send_job(struct job *j, const struct spool_in *in, const char *key_text)
{
	struct ipc_msg m = {.type = IPC_DELIVER};
	struct ipc_deliver *d = &m.deliver;
	struct span key = span_str(key_text);
	uint8_t grant[GRANT_SIZE];
	char prefix[128], token[TOKEN_TEXT_SIZE];
	struct wall received = {j->message->received_ms};

	token_make(self.complaint_key, 0, (uint8_t)conf->node, (uint16_t)wall_day(received),
		   j->copy, token);
	snprintf(prefix, sizeof(prefix), "X-Posthaste-Ref: %s\r\n", token);
	d->copy = j->copy;
	d->attempt = j->attempts + 1;
	d->id = span_str(j->message->id.s);
	d->sender = span_str(j->return_path);
	d->rcpt = addr_span(&j->rcpt);
	d->body_offset = in->body_offset;
	d->body_size = in->body_size;
	d->body_hash = span_of(in->body_hash, sizeof(in->body_hash));
	d->eight_bit = (in->flags & SPOOL_FLAG_EIGHT_BIT) != 0;
	d->prefix = span_str(prefix);
	d->sign = (struct ipc_spans){.n = 1, .items = &key};
	grant_make(self.grant_key, j->copy, &d->sign, (uint64_t)(wall_now().ms / 1000) + GRANT_S,
		   GRANT_USES, grant);
	d->grant = span_of(grant, sizeof(grant));
	return workers_give(j, &m, in->fd);
}

static void cannot_open(struct job *j, int err)
{
	if (err == -ENOENT || err == -EBADMSG) {
		plan_remove(&jobs_plan, &j->plan);
		results_add_corrupt(j,
				    err != -ENOENT ? "its file has no valid END record"
				    : j->message->put_aside
					    ? "its file was found damaged and lies in spool/corrupt"
					    : "its file is missing from spool/cur");
		return;
	}
	LOG(LOG_ERROR, "open-failed", KS("id", j->message->id.s), KERR(err));
	plan_remove(&jobs_plan, &j->plan);
	results_add_own(j, "queue", "4.3.0", "the stored message could not be opened", false);
}

/* False: nothing more can be done now. */
static bool deliver_one(struct job *j)
{
	char key[SIGNKEY_TEXT_SIZE];
	struct spool_in in;
	bool given;
	int err;

	switch (find_key(j->message, key)) {
	case SIGNING_UNKNOWN:
		plan_remove(&jobs_plan, &j->plan);
		jobs_schedule(j);
		return false;
	case SIGNING_NONE:
		plan_remove(&jobs_plan, &j->plan);
		results_add_own(j, "queue", "4.7.0",
				"the From domain is no longer verified for this server: verify it "
				"again (posthaste domain create NAME --verified)",
				false);
		return true;
	case SIGNING_KEY:
		break;
	}
	err = files_open(&j->message->id, &in);
	if (err) {
		cannot_open(j, err);
		return true;
	}
	given = send_job(j, &in, key);
	spool_in_close(&in);
	if (!given) {
		plan_remove(&jobs_plan, &j->plan);
		jobs_schedule(j);
	}
	return given;
}

/* Sleeps until the next copy is due; wall time may jump, so never for long. */
static void set_timer(void)
{
	int64_t due = plan_next_due(&jobs_plan);
	int64_t wait;

	if (due == INT64_MAX)
		return;
	wait = due - wall_now().ms;
	if (wait <= 0) /* nobody has room: the next RESULT wakes us; or something is not ready */
		wait = workers_have_room() ? CONTROL_RETRY_MS : WAKE_MAX_MS;
	loop_timer_set(self.timer, wait < WAKE_MAX_MS ? wait : WAKE_MAX_MS);
}

void deliver_due(void)
{
	int n = 0;

	if (!workers_known() || results_stuck())
		return;
	while (n < BATCH && workers_have_room() && control_ready()) {
		struct plan_entry *e = plan_take(&jobs_plan, wall_now().ms);

		if (!e || !deliver_one(container_of(e, struct job, plan)))
			break;
		n++;
	}
	if (n == BATCH)
		loop_timer_set(self.timer, 0);
	else
		set_timer();
}
