/*
 * attempt.c - an attempt's life, its way through DNS and from address to address.
 */
#include "deliverd/attempt.h"

#include <sodium.h>
#include <stdio.h>

#include "common/log.h"

enum { DNS_SLACK_MS = 5000 };

static void on_deadline(void *arg);

/* making */

static bool read_keys(struct attempt *a, const struct ipc_spans *sign)
{
	for (size_t i = 0; i < sign->n; i++) {
		struct span text = ipc_spans_at(sign, i);

		if (i == ATTEMPT_KEYS || signkey_parse(text, &a->key[i]) != 0 ||
		    span_cstr(text, a->key_text[i], sizeof(a->key_text[i])) != 0)
			return false;
		a->key_n = i + 1;
	}
	return true;
}

static bool read_deliver(struct attempt *a, const struct ipc_deliver *d)
{
	uint64_t end;

	if (d->sender.n && addr_parse(d->sender, &a->sender) != 0)
		return false;
	if (addr_parse(d->rcpt, &a->rcpt) != 0 || d->body_hash.n != CONTENT_HASH_SIZE)
		return false;
	if (add_overflows(d->body_offset, d->body_size, &end) || end > INT64_MAX)
		return false;
	if (d->relay.n && conf_hostport_read(d->relay, &a->relay) != NULL)
		return false;
	return read_keys(a, &d->sign);
}

struct attempt *attempt_new(const struct attempt_env *env, const struct ipc_deliver *d, int *fd)
{
	struct attempt *a = mem_alloc(sizeof(*a));

	a->env = env;
	a->copy = d->copy;
	a->number = d->attempt;
	a->fd = *fd;
	*fd = -1;
	a->eight_bit = d->eight_bit != 0;
	a->utf8 = d->utf8 != 0;
	a->started = wall_now();
	a->mark = mono_now();
	a->stage = "resolve";
	buf_init(&a->prefix, 4096);
	buf_add(&a->prefix, d->prefix);
	buf_init(&a->grant, 64);
	buf_add(&a->grant, d->grant);
	a->deadline = loop_timer_new(on_deadline, a);
	a->valid = read_deliver(a, d);
	if (a->valid)
		prepare_init(a, d);
	return a;
}

static void free_now(void *arg)
{
	struct attempt *a = arg;

	if (a->valid)
		prepare_done(a);
	loop_timer_free(&a->deadline);
	buf_done(&a->prefix);
	buf_done(&a->grant);
	fd_close(&a->fd);
	mem_free(a);
}

/* ending */

static void let_go(struct attempt *a)
{
	must(!a->over);
	a->over = true;
	for (size_t i = 0; i < a->asked; i++)
		ask_cancel(&a->question[i].ask);
	ask_cancel(&a->sign);
	if (a->work)
		loop_timer_stop(a->work);
	talk_done(a);
	loop_later(free_now, a);
}

void attempt_end(struct attempt *a, const struct outcome *o)
{
	struct outcome outcome = *o;
	struct ipc_result r;

	report_make(a, &outcome, &r);
	let_go(a);
	a->env->ended(a, &r);
}

void attempt_end_temp(struct attempt *a, const char *status, const char *text, const char *more)
{
	struct outcome o;
	char both[512];

	snprintf(both, sizeof(both), "%s%s%s", text, *more ? ": " : "", more);
	outcome_set(&o, OUTCOME_TEMP, 0, status, span_str(both));
	/* the server waits for MAIL: leave politely */
	if (a->talking && a->stream && a->client.want == CLIENT_READY) {
		stream_write(a->stream, SPAN_LIT("QUIT\r\n"));
		stream_close(&a->stream);
	}
	attempt_end(a, &o);
}

bool attempt_after_dot(const struct attempt *a)
{
	return a->talking && a->client.dot_sent;
}

void attempt_give_up(struct attempt *a)
{
	must(!attempt_after_dot(a));
	let_go(a);
	a->env->ended(a, NULL);
}

void attempt_return(struct attempt *a)
{
	struct ipc_result r;

	must(!attempt_after_dot(a));
	report_returned(a->copy, a->number, &r);
	let_go(a);
	a->env->ended(a, &r);
}

/* addresses */

static void unreachable(struct attempt *a, const char *why)
{
	const struct route_hop *hop = &a->route.hop[a->hop];
	char text[512];

	snprintf(text, sizeof(text), "cannot connect to %.255s[%s]:%u: %.160s", hop->host, hop->ip,
		 hop->port, why);
	outcome_set(&a->last, OUTCOME_TEMP, 0, "4.4.1", span_str(text));
}

static bool last_hop(const struct attempt *a)
{
	return a->hop + 1 >= a->route.hop_n;
}

static void connect_hop(struct attempt *a)
{
	for (;; a->hop++) {
		const struct route_hop *hop = &a->route.hop[a->hop];

		a->tls_begun = false;
		a->tls[0] = '\0';
		report_stage(a, "connect");
		loop_timer_set(a->deadline, a->env->conf->deliver_connect_timeout_ms);
		a->stream = stream_connect(&hop->addr.sa, hop->addr_len, NULL, 0, &talk_ops, a);
		if (a->stream)
			return;
		unreachable(a, "there is no way to it");
		if (last_hop(a)) {
			attempt_end(a, &a->last);
			return;
		}
	}
}

/* The hop in use has failed, with a->last. */
void attempt_next_hop(struct attempt *a)
{
	if (last_hop(a)) {
		attempt_end(a, &a->last);
		return;
	}
	talk_done(a);
	a->hop++;
	connect_hop(a);
}

void attempt_connect_failed(struct attempt *a, const char *why)
{
	unreachable(a, why);
	attempt_next_hop(a);
}

/* DNS */

static void question_fill(struct ask *ask, uint64_t request, struct ipc_msg *m)
{
	struct attempt_question *q = container_of(ask, struct attempt_question, ask);
	enum dns_type type;
	const struct domain *name = route_question(&q->attempt->route, q->number, &type);

	*m = (struct ipc_msg){.type = IPC_RESOLVE};
	m->resolve.request = request;
	m->resolve.type = (uint16_t)type;
	m->resolve.name = domain_span(name);
}

static void resolve(struct attempt *a);

static void question_answered(struct ask *ask, const struct ipc_msg *m)
{
	struct attempt_question *q = container_of(ask, struct attempt_question, ask);
	struct attempt *a = q->attempt;

	if (a->over)
		return;
	if (m && m->answer.status <= DNS_NOT_HERE)
		route_answer(&a->route, a->env->conf, q->number, m->answer.status, m->answer.why,
			     &m->answer.records);
	else
		route_give_up(&a->route, "the resolver does not answer");
	resolve(a);
}

/* Asks what is to be asked now; goes on when the route stands. */
static void resolve(struct attempt *a)
{
	while (!a->over && a->route.state == ROUTE_ASKING && a->asked < a->route.questions) {
		struct attempt_question *q = &a->question[a->asked];

		q->ask = (struct ask){.fill = question_fill, .answered = question_answered};
		q->attempt = a;
		q->number = a->asked++;
		loop_timer_set(a->deadline, a->env->conf->dns_timeout_ms + DNS_SLACK_MS);
		asker_ask(a->env->resolver, &q->ask); /* may come back here at once */
	}
	if (a->over || a->stream || a->route.state == ROUTE_ASKING)
		return;
	if (a->route.state == ROUTE_FAILED)
		attempt_end(a, &a->route.outcome);
	else
		connect_hop(a);
}

void attempt_start(struct attempt *a)
{
	uint64_t random;

	if (!a->valid) {
		LOG(LOG_ERROR, "deliver-refused", KU("copy", a->copy));
		attempt_end_temp(a, "4.3.0", "the queue's order cannot be understood", "");
		return;
	}
	randombytes_buf(&random, sizeof(random));
	route_start(&a->route, a->env->conf, &a->relay, &a->rcpt, random);
	resolve(a);
}

static void on_deadline(void *arg)
{
	struct attempt *a = arg;

	if (a->over)
		return;
	if (a->route.state == ROUTE_ASKING) {
		route_give_up(&a->route, "the resolver does not answer in time");
		resolve(a);
	} else if (a->talking) {
		talk_timeout(a);
	} else {
		attempt_connect_failed(a, "timed out");
	}
}
