/*
 * talk.c - the connection to one address: the pure client over a stream.
 *
 * Every callback ends in talk_drive(), which sends what the client has to say and does what it
 * wants.  Deadlines are for the whole of a reply, however slowly its bytes drip.
 */
#include <stdio.h>

#include "common/log.h"
#include "deliverd/attempt.h"

static void set_deadline(struct attempt *a)
{
	const struct conf *conf = a->env->conf;

	loop_timer_set(a->deadline, client_deadline(&a->client) == CLIENT_DOT_TIME
					    ? conf->deliver_dot_timeout_ms
					    : conf->deliver_reply_timeout_ms);
	a->deadline_replies = a->client.replies;
}

static void flush(struct attempt *a)
{
	struct buf *out = &a->client.out;

	must(buf_ok(out));
	if (!out->n && a->client.replies == a->deadline_replies)
		return;
	if (out->n && a->stream)
		stream_write(a->stream, buf_span(out));
	buf_reset(out);
	set_deadline(a);
}

void talk_done(struct attempt *a)
{
	stream_free(&a->stream);
	loop_timer_stop(a->deadline);
	if (a->talking)
		client_done(&a->client);
	a->talking = false;
}

/* The client is at its end: with a QUIT the connection is closed in order. */
static void over(struct attempt *a)
{
	bool orderly = a->client.out.n > 0 && a->stream;

	a->last = a->client.outcome;
	flush(a);
	if (orderly)
		stream_close(&a->stream);
	if (a->last.kind == OUTCOME_TEMP && !a->mail_begun && !a->tls_failed)
		attempt_next_hop(a);
	else
		attempt_end(a, &a->last);
}

static void start_tls(struct attempt *a)
{
	const struct route_hop *hop = &a->route.hop[a->hop];

	if (a->tls_begun)
		return;
	a->tls_begun = true;
	stream_start_tls(a->stream, a->env->tls, false, hop->named ? hop->host : NULL);
	set_deadline(a);
}

static void begin_mail(struct attempt *a)
{
	struct client_mail mail = {
		.sender = addr_span(&a->sender),
		.rcpt = addr_span(&a->rcpt),
		.size = content_total(&a->content),
		.eight_bit = a->eight_bit,
		.utf8 = a->utf8,
	};

	a->mail_begun = true;
	client_mail(&a->client, &mail);
}

/* True when all has been handed over, the dot included. */
static bool send_content(struct attempt *a)
{
	enum content_state state = content_pump(&a->content, a->stream);

	set_deadline(a);
	if (state == CONTENT_MORE)
		return false;
	if (state != CONTENT_READY) { /* no dot: the server throws away what it has */
		attempt_end_temp(a, "4.3.0", "the stored message cannot be read",
				 a->content.why ? a->content.why : "it changed");
		return false;
	}
	if (a->content.dots.stray)
		LOG(LOG_WARN, "stray-line-end", KU("copy", a->copy));
	client_dot_sent(&a->client);
	set_deadline(a); /* now that of the dot */
	return true;
}

void talk_drive(struct attempt *a)
{
	while (a->talking && !a->over) {
		const char *stage = a->client.stage;

		if (a->client.want == CLIENT_CLOSE) {
			report_stage(a, stage);
			over(a);
			return;
		}
		flush(a);
		report_stage(a, a->client.want == CLIENT_READY ? "sign" : stage);
		if (a->client.want == CLIENT_START_TLS)
			start_tls(a);
		if (a->client.want == CLIENT_READY) {
			loop_timer_stop(a->deadline); /* prepare has its own */
			if (!prepare(a))
				return;
			begin_mail(a);
		} else if (a->client.want != CLIENT_CONTENT || !send_content(a)) {
			return;
		}
	}
}

void talk_timeout(struct attempt *a)
{
	client_timeout(&a->client);
	talk_drive(a);
}

/* the stream's callbacks */

static void on_connected(struct stream *s, void *arg)
{
	struct attempt *a = arg;

	(void)s;
	a->helo = a->env->conf->hostname;
	client_init(&a->client, domain_span(&a->helo));
	a->talking = true;
	report_stage(a, a->client.stage);
	set_deadline(a);
}

static void on_secured(struct stream *s, void *arg)
{
	struct attempt *a = arg;

	snprintf(a->tls, sizeof(a->tls), "%s", stream_tls(s));
	client_secured(&a->client);
	talk_drive(a);
}

static size_t on_input(struct stream *s, struct span in, void *arg)
{
	struct attempt *a = arg;

	(void)s;
	if (a->over || !a->talking)
		return in.n;
	client_input(&a->client, in);
	talk_drive(a);
	return in.n;
}

static void on_drained(struct stream *s, void *arg)
{
	struct attempt *a = arg;

	(void)s;
	if (a->over || !a->talking)
		return;
	if (a->client.want == CLIENT_CONTENT)
		talk_drive(a);
	else if (a->client.dot_sent) /* the time for its reply begins when it has really gone */
		set_deadline(a);
}

static void on_ended(struct stream *s, enum stream_end end, void *arg)
{
	struct attempt *a = arg;
	const char *why = end == STREAM_EOF ? "closed by the other side" : stream_error(s);

	if (a->over)
		return;
	a->stream = NULL;
	if (!a->talking) {
		attempt_connect_failed(a, why);
		return;
	}
	if (a->client.want == CLIENT_START_TLS) {
		a->tls_failed = true;
		client_tls_failed(&a->client, why);
	} else {
		client_lost(&a->client, why);
	}
	talk_drive(a);
}

const struct stream_ops talk_ops = {
	.connected = on_connected,
	.secured = on_secured,
	.input = on_input,
	.drained = on_drained,
	.ended = on_ended,
};
