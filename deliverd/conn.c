/*
 * conn.c - see conn.h.
 *
 * Every callback ends in conn_drive(), which sends what the client has to say and does what it
 * wants.  Deadlines are for the whole of a reply, however slowly its bytes drip.  A connection
 * whose attempt has let go of it is dead or idle; its memory goes at the end of the loop turn, so
 * callbacks on the stack may still look at it.
 */
#include "deliverd/conn.h"

#include <sodium.h>
#include <stdio.h>

#include "common/log.h"
#include "deliverd/attempt.h"
#include "deliverd/hosts.h"

enum { IDLE_MAX = 64 };

TAILQ_HEAD(conn_list, conn);

static struct {
	struct conn_list idle; /* the newest first */
	size_t idle_n;
	bool stopping;
	unsigned generation;
} self = {.idle = TAILQ_HEAD_INITIALIZER(self.idle)};

static const struct stream_ops stream_ops;

/* ends */

static void free_now(void *arg)
{
	struct conn *c = arg;

	if (c->talking)
		client_done(&c->client);
	sodium_memzero(&c->login, sizeof(c->login));
	mem_free(c);
}

static void end(struct conn *c)
{
	if (c->gone)
		return;
	c->gone = true;
	stream_free(&c->stream);
	loop_timer_free(&c->deadline);
	loop_later(free_now, c);
}

static void leave_idle(struct conn *c)
{
	TAILQ_REMOVE(&self.idle, c, link);
	self.idle_n--;
}

/* Says QUIT, waits for nothing. */
static void quit(struct conn *c)
{
	client_quit(&c->client);
	if (c->stream)
		stream_write(c->stream, buf_span(&c->client.out));
	buf_reset(&c->client.out);
	stream_close(&c->stream);
	end(c);
}

static void end_idle(struct conn *c)
{
	leave_idle(c);
	quit(c);
}

/* idle ones */

void conn_close_idle(void)
{
	struct conn *c;

	self.generation++; /* those in use do not rest afterwards */
	while ((c = TAILQ_FIRST(&self.idle)))
		end_idle(c);
}

void conn_stop(void)
{
	self.stopping = true;
	conn_close_idle();
}

static bool stands(const struct conn *c)
{
	return c->stream && c->talking &&
	       (c->client.want == CLIENT_READY || c->client.want == CLIENT_DONE);
}

/* May another message go over it?  A temporary refusal may concern the session: of a recipient or
 * a message it does not. */
static bool is_good(const struct conn *c)
{
	const struct client *k = &c->client;
	const struct conf *conf = c->env->conf;

	if (self.stopping || c->generation != self.generation || !conf->deliver_idle_ms ||
	    c->messages >= conf->deliver_reuse)
		return false;
	return !k->decided || k->outcome.kind != OUTCOME_TEMP || strcmp(k->stage, "rcpt") == 0 ||
	       strcmp(k->stage, "dot") == 0;
}

static void rest(struct conn *c)
{
	TAILQ_INSERT_HEAD(&self.idle, c, link);
	self.idle_n++;
	loop_timer_set(c->deadline, c->env->conf->deliver_idle_ms);
	if (self.idle_n > IDLE_MAX)
		end_idle(TAILQ_LAST(&self.idle, conn_list));
}

void conn_release(struct conn **cp)
{
	struct conn *c = *cp;

	*cp = NULL;
	if (!c)
		return;
	c->attempt = NULL;
	if (!stands(c))
		end(c);
	else if (is_good(c))
		rest(c);
	else
		quit(c);
}

static bool fits(const struct conn *c, const struct route_hop *hop, enum conf_tls level,
		 const struct login *login)
{
	return strcmp(c->hop.ip, hop->ip) == 0 && c->hop.port == hop->port &&
	       strcmp(c->hop.host, hop->host) == 0 && c->tls_level == level &&
	       strcmp(c->login.user, login->user) == 0 &&
	       strcmp(c->login.password, login->password) == 0;
}

static struct conn *find_idle(const struct route_hop *hop, enum conf_tls level,
			      const struct login *login)
{
	struct conn *c = TAILQ_FIRST(&self.idle);

	while (c && !fits(c, hop, level, login))
		c = TAILQ_NEXT(c, link);
	return c;
}

bool conn_is_idle(const struct route_hop *hop, enum conf_tls level, const struct login *login)
{
	return find_idle(hop, level, login) != NULL;
}

struct conn *conn_take(struct attempt *a, const struct route_hop *hop, enum conf_tls level,
		       const struct login *login)
{
	struct conn *c = find_idle(hop, level, login);
	char note[512];

	if (!c)
		return NULL;
	leave_idle(c);
	loop_timer_stop(c->deadline);
	c->attempt = a;
	c->reused = true;
	c->mail_replies = c->client.replies;
	client_next(&c->client); /* the outcome of the last transaction is not this one's */
	snprintf(note, sizeof(note),
		 "by the connection to %s[%s]:%u that %u messages have used%s%s", hop->host,
		 hop->ip, hop->port, c->messages, *c->tls ? ", " : "", c->tls);
	convo_note(&a->convo, note, mono_now());
	attempt_note_tls(a, c->tls, c->tls_note);
	return c;
}

bool conn_was_stale(const struct conn *c)
{
	const struct client *k = &c->client;
	unsigned replies = k->replies - c->mail_replies;

	return c->reused && k->decided && k->outcome.kind == OUTCOME_TEMP &&
	       !c->attempt->content.sent && !k->dot_sent &&
	       (replies == 0 || k->outcome.code == 421 || k->reset_refused);
}

/* talking */

static void set_deadline(struct conn *c)
{
	const struct conf *conf = c->env->conf;
	const int64_t ms[] = {
		[CLIENT_REPLY_TIME] = conf->deliver_reply_timeout_ms,
		[CLIENT_DATA_TIME] = conf->deliver_data_timeout_ms,
		[CLIENT_BLOCK_TIME] = conf->deliver_block_timeout_ms,
		[CLIENT_DOT_TIME] = conf->deliver_dot_timeout_ms,
	};

	loop_timer_set(c->deadline, ms[client_deadline(&c->client)]);
	c->deadline_replies = c->client.replies;
}

static void flush(struct conn *c)
{
	struct buf *out = &c->client.out;

	must(buf_ok(out));
	if (!out->n && c->client.replies == c->deadline_replies)
		return;
	if (out->n && c->stream)
		stream_write(c->stream, buf_span(out));
	if (out->n && c->client.secret)
		convo_note(&c->attempt->convo, "user and password are sent", mono_now());
	else
		convo_add(&c->attempt->convo, '>', buf_span(out), mono_now());
	c->client.secret = false;
	buf_reset(out);
	set_deadline(c);
}

static void begin_tls(struct conn *c)
{
	if (c->tls_begun)
		return;
	c->tls_begun = true;
	stream_start_tls_to(c->stream, c->env->tls, c->hop.host);
	set_deadline(c);
}

static void begin_mail(struct conn *c)
{
	struct attempt *a = c->attempt;
	struct client_mail mail = {
		.sender = addr_span(&a->sender),
		.rcpt = addr_span(&a->rcpt),
		.size = content_total(&a->content),
		.eight_bit = a->eight_bit,
		.utf8 = a->utf8,
	};

	a->mail_begun = true;
	c->messages++;
	c->mail_replies = c->client.replies;
	client_mail(&c->client, &mail);
}

static void note_content(struct attempt *a)
{
	char note[64];

	snprintf(note, sizeof(note), "%llu bytes of message are sent, and the dot",
		 (unsigned long long)a->content.sent);
	convo_note(&a->convo, note, mono_now());
}

/* True when all has been handed over, the dot included. */
static bool send_content(struct conn *c)
{
	struct attempt *a = c->attempt;
	enum content_state state = content_pump(&a->content, c->stream);

	set_deadline(c);
	if (state == CONTENT_MORE)
		return false;
	if (state != CONTENT_READY) { /* no dot: the server throws away what it has */
		attempt_end_temp(a, "4.3.0", "the stored message cannot be read",
				 a->content.why ? a->content.why : "it changed");
		return false;
	}
	if (a->content.dots.stray)
		LOG(LOG_WARN, "stray-line-end", KU("copy", a->copy));
	note_content(a);
	client_dot_sent(&c->client);
	set_deadline(c); /* now that of the dot */
	return true;
}

/* The transaction is over, or the session. */
static void over(struct conn *c)
{
	struct attempt *a = c->attempt;
	bool quits = c->client.want == CLIENT_CLOSE && c->client.out.n > 0 && c->stream;

	flush(c);
	if (quits)
		stream_close(&c->stream);
	attempt_conn_over(a, &c->client.outcome);
}

void conn_drive(struct conn *c)
{
	struct attempt *a = c->attempt;

	/* until the attempt has ended, or taken another connection */
	while (a && !a->over && c->attempt == a && c->talking) {
		enum client_want want = c->client.want;

		if (want == CLIENT_CLOSE || want == CLIENT_DONE) {
			report_stage(a, c->client.stage);
			over(c);
			return;
		}
		flush(c);
		report_stage(a, want == CLIENT_READY ? "sign" : c->client.stage);
		if (want == CLIENT_START_TLS)
			begin_tls(c);
		if (want == CLIENT_READY) {
			loop_timer_stop(c->deadline); /* prepare has its own */
			c->deadline_replies = c->client.replies + 1; /* flush() sets the next */
			if (!prepare(a))
				return;
			begin_mail(c);
		} else if (want != CLIENT_CONTENT || !send_content(c)) {
			return;
		}
	}
}

/* the stream's callbacks */

static void set_up_client(struct conn *c)
{
	static const enum client_tls levels[] = {
		[CONF_TLS_NONE] = CLIENT_TLS_NONE,
		[CONF_TLS_MAY] = CLIENT_TLS_MAY,
		[CONF_TLS_ENCRYPT] = CLIENT_TLS_MUST,
		[CONF_TLS_VERIFY] = CLIENT_TLS_MUST,
	};
	struct client_setup setup = {.tls = levels[c->tls_level],
				     .user = span_str(c->login.user),
				     .password = span_str(c->login.password)};

	c->helo = c->env->conf->deliver_helo;
	setup.helo = domain_span(&c->helo);
	client_init(&c->client, &setup);
	c->talking = true;
}

static void on_connected(struct stream *s, void *arg)
{
	struct conn *c = arg;
	struct attempt *a = c->attempt;

	(void)s;
	hosts_family_works(c->hop.addr.sa.sa_family);
	set_up_client(c);
	convo_note(&a->convo, "connected", mono_now());
	report_stage(a, c->client.stage);
	set_deadline(c);
}

static void on_secured(struct stream *s, void *arg)
{
	struct conn *c = arg;
	const char *doubt = stream_tls_doubt(s);
	char note[512];

	snprintf(c->tls, sizeof(c->tls), "%s", stream_tls(s));
	snprintf(c->tls_note, sizeof(c->tls_note), "%s%s", *doubt ? "not verified: " : "verified",
		 doubt);
	snprintf(note, sizeof(note), "%s, %s", c->tls, c->tls_note);
	convo_note(&c->attempt->convo, note, mono_now());
	attempt_note_tls(c->attempt, c->tls, c->tls_note);
	if (c->tls_level == CONF_TLS_VERIFY && *doubt)
		client_not_trusted(&c->client, doubt);
	else
		client_secured(&c->client);
	conn_drive(c);
}

static size_t on_input(struct stream *s, struct span in, void *arg)
{
	struct conn *c = arg;

	(void)s;
	if (c->gone || !c->talking)
		return in.n;
	if (!c->attempt) { /* it says that it closes, or talks out of turn */
		end_idle(c);
		return in.n;
	}
	if (strcmp(c->client.stage, "auth") == 0) /* it may repeat what was sent */
		convo_note(&c->attempt->convo, "the server replies to AUTH", mono_now());
	else
		convo_add(&c->attempt->convo, '<', in, mono_now());
	client_input(&c->client, in);
	conn_drive(c);
	return in.n;
}

static void on_drained(struct stream *s, void *arg)
{
	struct conn *c = arg;

	(void)s;
	if (!c->attempt || !c->talking)
		return;
	if (c->client.want == CLIENT_CONTENT)
		conn_drive(c);
	else if (c->client.dot_sent) /* the time for its reply begins when it has really gone */
		set_deadline(c);
}

static void on_ended(struct stream *s, enum stream_end how, void *arg)
{
	struct conn *c = arg;
	const char *why = how == STREAM_EOF ? "closed by the other side" : stream_error(s);

	c->stream = NULL;
	if (!c->attempt) {
		leave_idle(c);
		end(c);
		return;
	}
	if (!c->talking) {
		attempt_connect_failed(c->attempt, why);
		return;
	}
	if (c->client.want == CLIENT_START_TLS) {
		c->tls_failed = true;
		client_tls_failed(&c->client, why);
	} else {
		client_lost(&c->client, why);
	}
	conn_drive(c);
}

static const struct stream_ops stream_ops = {
	.connected = on_connected,
	.secured = on_secured,
	.input = on_input,
	.drained = on_drained,
	.ended = on_ended,
};

static void on_deadline(void *arg)
{
	struct conn *c = arg;

	if (!c->attempt) {
		end_idle(c);
	} else if (!c->talking) {
		attempt_connect_failed(c->attempt, "timed out");
	} else {
		c->tls_failed = c->client.want == CLIENT_START_TLS;
		client_timeout(&c->client);
		conn_drive(c);
	}
}

/* opening */

/* The address to connect from, of the hop's family; NULL: the system's choice. */
static const struct sockaddr *source_for(const struct conf *conf, int family,
					 struct sockaddr_storage *out, socklen_t *len)
{
	for (size_t i = 0; i < conf->deliver_source.n; i++)
		if (conf->deliver_source.at[i].family == family) {
			*len = conf_net_address(&conf->deliver_source.at[i], out);
			return (struct sockaddr *)out;
		}
	*len = 0;
	return NULL;
}

struct conn *conn_open(struct attempt *a, const struct route_hop *hop, enum conf_tls level,
		       const struct login *login)
{
	struct conn *c = mem_alloc(sizeof(*c));
	struct sockaddr_storage from;
	const struct sockaddr *source;
	socklen_t source_len;
	char note[400];

	c->env = a->env;
	c->attempt = a;
	c->hop = *hop;
	c->tls_level = level;
	c->login = *login;
	c->generation = self.generation;
	snprintf(c->tls_note, sizeof(c->tls_note), "%s", a->tls_note); /* why in clear */
	c->deadline = loop_timer_new(on_deadline, c);
	snprintf(note, sizeof(note), "connecting to %s[%s]:%u", hop->host, hop->ip, hop->port);
	convo_note(&a->convo, note, mono_now());
	source = source_for(a->env->conf, hop->addr.sa.sa_family, &from, &source_len);
	c->stream =
		stream_connect(&hop->addr.sa, hop->addr_len, source, source_len, &stream_ops, c);
	if (!c->stream) {
		end(c);
		return NULL;
	}
	loop_timer_set(c->deadline, a->env->conf->deliver_connect_timeout_ms);
	return c;
}
