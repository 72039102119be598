/*
 * prepare.c - before MAIL: is the message the one that was accepted, and its signatures.
 *
 * Done once an attempt, however many addresses it takes.
 */
#include <stdio.h>

#include "deliverd/attempt.h"

enum { SIGN_MS = 15000 };

static const char cannot_sign[] = "the message cannot be signed now";

static void go_on(void *arg);
static void sign_fill(struct ask *ask, uint64_t request, struct ipc_msg *m);
static void sign_answered(struct ask *ask, const struct ipc_msg *m);

static struct dkim_params configured(const struct conf *conf)
{
	uint32_t canon = conf->deliver_dkim_canonicalization; /* header, body; relaxed is first */

	return (struct dkim_params){
		.header = canon / 2 ? DKIM_SIMPLE : DKIM_RELAXED,
		.body = canon % 2 ? DKIM_SIMPLE : DKIM_RELAXED,
		.expire_ms = conf->deliver_dkim_expire_ms,
	};
}

void prepare_init(struct attempt *a, const struct ipc_deliver *d)
{
	a->dkim = configured(a->env->conf);
	content_init(&a->content, a->fd, d->body_offset, d->body_size, d->body_hash);
	for (size_t i = 0; i < ATTEMPT_KEYS; i++)
		buf_init(&a->field[i], DKIM_FIELD_MAX);
	a->work = loop_timer_new(go_on, a);
	a->sign = (struct ask){.fill = sign_fill, .answered = sign_answered};
}

void prepare_done(struct attempt *a)
{
	ask_cancel(&a->sign);
	loop_timer_free(&a->work);
	content_done(&a->content);
	for (size_t i = 0; i < ATTEMPT_KEYS; i++)
		buf_done(&a->field[i]);
}

/* Did one of the first n keys sign for this domain, too? */
static bool noted(const struct attempt *a, size_t n, const struct domain *domain)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(a->key[i].domain.s, domain->s) == 0)
			return true;
	return false;
}

static void note_signers(struct attempt *a)
{
	size_t at = 0;

	for (size_t i = 0; i < a->key_n && at < ATTEMPT_SIGNED_BY; i++) {
		size_t left = sizeof(a->signed_by) - at;
		int n;

		if (noted(a, i, &a->key[i].domain))
			continue;
		n = snprintf(a->signed_by + at, left, "%s%s", i ? "," : "", a->key[i].domain.s);
		if (n < 0 || (size_t)n >= left) { /* names are whole or not there */
			a->signed_by[at] = '\0';
			return;
		}
		at += (size_t)n;
	}
}

/* Signatures that another copy of the message has got here, or a new body hash for its own. */
static void look_for_signatures(struct attempt *a)
{
	struct span keys[ATTEMPT_KEYS], fields;

	if (!a->key_n)
		return;
	for (size_t i = 0; i < a->key_n; i++)
		keys[i] = span_str(a->key_text[i]);
	sigcache_key(span_of(a->content.hash, CONTENT_HASH_SIZE), keys, a->key_n, &a->sig_key);
	a->signed_before = sigcache_find(&a->sig_key, mono_now(), &fields);
	if (a->signed_before) {
		buf_add(&a->field[0], fields);
		content_signed(&a->content);
	} else {
		content_sign(&a->content, a->dkim.body);
	}
}

static void keep_signatures(const struct attempt *a)
{
	struct buf all;

	if (a->dkim.expire_ms && a->dkim.expire_ms < 10 * SIGCACHE_MS)
		return;
	buf_init(&all, CONTENT_ABOVE_MAX);
	for (size_t i = 0; i < a->key_n; i++)
		buf_add(&all, buf_span(&a->field[i]));
	sigcache_put(&a->sig_key, mono_now(), buf_span(&all));
	buf_done(&all);
}

static void finished(struct attempt *a)
{
	note_signers(a);
	content_above(&a->content, buf_span(&a->prefix));
	for (size_t i = 0; i < a->key_n; i++) {
		content_above(&a->content, buf_span(&a->field[i]));
		buf_done(&a->field[i]);
	}
	content_head_done(&a->content);
	loop_timer_stop(a->work);
	a->prepare = PREPARE_DONE;
}

/* the signer */

static void sign_fill(struct ask *ask, uint64_t request, struct ipc_msg *m)
{
	struct attempt *a = container_of(ask, struct attempt, sign);

	for (size_t i = 0; i < a->key_n; i++) {
		a->key_span[i] = span_str(a->key_text[i]);
		a->hash_span[i] = span_of(a->field_hash[i], DKIM_HASH_SIZE);
	}
	*m = (struct ipc_msg){.type = IPC_SIGN};
	m->sign.request = request;
	m->sign.copy = a->copy;
	m->sign.keys = (struct ipc_spans){.n = (uint16_t)a->key_n, .items = a->key_span};
	m->sign.grant = buf_span(&a->grant);
	m->sign.hashes = (struct ipc_spans){.n = (uint16_t)a->key_n, .items = a->hash_span};
}

static void sign_answered(struct ask *ask, const struct ipc_msg *m)
{
	struct attempt *a = container_of(ask, struct attempt, sign);
	char why[257];

	if (!m) {
		attempt_end_temp(a, "4.7.0", cannot_sign, "the signer does not answer");
		return;
	}
	if (m->signatures.error.n || m->signatures.values.n != a->key_n) {
		snprintf(why, sizeof(why), "%.*s", SPAN_FMT(m->signatures.error));
		attempt_end_temp(a, "4.7.0", cannot_sign, why);
		return;
	}
	for (size_t i = 0; i < a->key_n; i++) {
		struct span value = ipc_spans_at(&m->signatures.values, i);

		if (value.n)
			dkim_complete(&a->field[i], value);
		if (!value.n || !buf_ok(&a->field[i])) {
			attempt_end_temp(a, "4.7.0", cannot_sign, "a signature is missing");
			return;
		}
	}
	keep_signatures(a);
	finished(a);
	conn_drive(a->conn);
}

static void sign(struct attempt *a)
{
	struct span head = content_head(&a->content);

	a->dkim.now = wall_now();
	for (size_t i = 0; i < a->key_n; i++) {
		int err = dkim_field(head, &a->key[i], &a->dkim, a->content.dkim_hash, &a->field[i],
				     a->field_hash[i]);

		if (err) {
			attempt_end_temp(a, "4.7.0", cannot_sign,
					 err == -EINVAL ? "it has no From field"
							: "its header section is too large");
			return;
		}
	}
	content_head_done(&a->content);
	a->prepare = PREPARE_SIGNING;
	loop_timer_set(a->work, SIGN_MS);
	asker_ask(a->env->signer, &a->sign);
}

/* the check */

static void check(struct attempt *a)
{
	switch (content_check(&a->content)) {
	case CONTENT_MORE:
		loop_timer_set(a->work, 0);
		break;
	case CONTENT_READY:
		if (a->key_n && !a->signed_before)
			sign(a);
		else
			finished(a);
		break;
	case CONTENT_CORRUPT:
		a->corrupt = true;
		attempt_end_temp(a, "4.3.0", "the stored message is not the one that was accepted",
				 "its hash differs");
		break;
	case CONTENT_FAILED:
		attempt_end_temp(a, "4.3.0", "the stored message cannot be read", a->content.why);
	}
}

static void go_on(void *arg)
{
	struct attempt *a = arg;

	if (a->over)
		return;
	if (a->prepare == PREPARE_SIGNING) {
		attempt_end_temp(a, "4.7.0", cannot_sign, "the signer does not answer");
		return;
	}
	check(a);
	if (!a->over && a->prepare == PREPARE_DONE)
		conn_drive(a->conn);
}

bool prepare(struct attempt *a)
{
	if (a->prepare == PREPARE_NOT) {
		a->prepare = PREPARE_CHECKING;
		look_for_signatures(a);
		check(a);
	}
	return !a->over && a->prepare == PREPARE_DONE;
}
