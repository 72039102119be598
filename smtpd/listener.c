/*
 * listener.c - connections: a stream, a session and, during DATA and its flush, an intake.
 *
 * A connection is freed in conn_free() only.  An intake whose flush is under way outlives it and
 * answers to nobody.  Time is looked at once a second, for all connections: see pace.h.
 */
#include "smtpd/listener.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sodium.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "common/stream.h"
#include "smtpd/doors.h"
#include "smtpd/guard.h"
#include "smtpd/intake.h"
#include "smtpd/pace.h"
#include "smtpd/session.h"

enum { STOP_MS = 15000, LAST_WORDS_MS = 300, SWEEP_MS = 1000 };
/* The answer to a failed AUTH waits so many times smtpd.auth_delay at most, and up to so much more
 * that it does not tell what we did meanwhile. */
enum { AUTH_DELAYS_MAX = 10, AUTH_SPREAD_PERCENT = 20 };

struct conn {
	struct conn *next, **prev;
	struct stream *stream;
	struct session session;
	struct intake *intake;
	bool committing; /* the intake is being finished and will answer */
	struct submitter_facts submitter;
	struct sockaddr_storage peer;
	struct pace pace;
	struct loop_timer *auth_due; /* while the answer to an AUTH is held back */
};

static struct {
	struct conf *conf;
	char hostname[256];
	SSL_CTX *tls;
	struct conn *conns;
	size_t conn_count;
	struct loop_timer *sweep, *stop;
	bool stopping;
} self;

/* connections */

static void conn_free(struct conn *c)
{
	stream_free(&c->stream);
	if (c->committing) {
		intake_forget(c->intake);
		c->intake = NULL;
		c->committing = false;
	}
	session_done(&c->session);
	must(!c->intake);
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	self.conn_count--;
	loop_timer_free(&c->auth_due);
	mem_free(c);
	/* not at once: the last replies, perhaps a 250, are still to be sent by the loop */
	if (self.stopping && !self.conn_count)
		loop_timer_set(self.stop, LAST_WORDS_MS);
}

/* A refused chunk is none: its octets have the time of one command to come. */
static bool in_content(const struct session *s)
{
	return s->state != STATE_COMMAND && s->state != STATE_AUTH &&
	       !(s->chunk.on && s->chunk.refusal[0]);
}

/* Between two commands, or at an AUTH whose answer is ours to give. */
static bool may_be_ended(const struct session *s)
{
	return (s->wait == WAIT_NONE || s->wait == WAIT_AUTH) && !session_in_message(s);
}

/* Sends what the session said and does what it waits for.  May free c. */
static void conn_pump(struct conn *c)
{
	struct session *s = &c->session;

	if (self.stopping && may_be_ended(s))
		session_end(s, "421 4.3.2 Service is being restarted, try again");
	must(buf_ok(&s->out));
	/* every command is answered: what is said begins the time of the next one */
	if (s->out.n || in_content(s) != c->pace.content)
		pace_turn(&c->pace, in_content(s), mono_now());
	if (s->out.n) {
		stream_write(c->stream, buf_span(&s->out));
		buf_done(&s->out); /* most sessions say nothing most of the time */
	}
	switch (s->wait) {
	case WAIT_NONE:
		/* who does not read our replies is not listened to, until drained() */
		if (stream_full(c->stream))
			stream_pause(c->stream);
		else
			stream_resume(c->stream);
		break;
	case WAIT_TLS:
		stream_start_tls(c->stream, self.tls);
		break;
	case WAIT_COMMIT:
	case WAIT_AUTH:
		stream_pause(c->stream);
		break;
	case WAIT_CLOSE:
		stream_close(&c->stream);
		conn_free(c);
		break;
	}
}

static void on_auth_due(void *arg)
{
	struct conn *c = arg;

	session_auth_answer(&c->session, AUTH_WRONG);
	conn_pump(c);
}

/* The answer to a failed AUTH comes later, the more so the more have failed in this session. */
static enum auth_result auth_wrong_later(struct conn *c)
{
	unsigned times = c->session.auth_failures + 1;
	int64_t ms = self.conf->smtpd_auth_delay_ms;

	ms *= times < AUTH_DELAYS_MAX ? times : AUTH_DELAYS_MAX;
	if (!ms)
		return AUTH_WRONG;
	ms += randombytes_uniform((uint32_t)(ms * AUTH_SPREAD_PERCENT / 100 + 1));
	if (!c->auth_due)
		c->auth_due = loop_timer_new(on_auth_due, c);
	loop_timer_set(c->auth_due, ms);
	return AUTH_LATER;
}

/* May an AUTH be looked at?  While too many failures are unforgiven even the right secret is not:
 * a guesser must not learn that it was right. */
static bool auth_may_try(struct conn *c, struct span user)
{
	if (guard_auth_may_try((struct sockaddr *)&c->peer, user, mono_now()))
		return true;
	LOG_RATED(LOG_WARN, "auth-throttled", stream_peer_ip(c->stream),
		  KS("client", stream_peer_ip(c->stream)), KB("user", user));
	return false;
}

/* Counts what policy found, and says what the session is to be told now. */
static enum auth_result auth_settle(struct conn *c, struct span user, enum auth_result r)
{
	const struct sockaddr *peer = (struct sockaddr *)&c->peer;

	if (r == AUTH_OK)
		guard_auth_succeeded(peer, user);
	if (r != AUTH_WRONG)
		return r;
	LOG_RATED(LOG_WARN, "auth-failed", stream_peer_ip(c->stream),
		  KS("client", stream_peer_ip(c->stream)), KB("user", user));
	guard_auth_failed(peer, user, mono_now());
	return auth_wrong_later(c);
}

/* A credential was looked for; user: the name that was given. */
static enum auth_result found(struct conn *c, enum auth_result r, struct span user, char *label_out,
			      size_t label_size)
{
	if (r == AUTH_OK)
		snprintf(label_out, label_size, "%s", c->submitter.label);
	return auth_settle(c, user, r);
}

static enum auth_result on_auth(void *arg, struct span user, struct span secret, char *label_out,
				size_t label_size)
{
	struct conn *c = arg;

	if (!auth_may_try(c, user))
		return AUTH_THROTTLED;
	return found(c, policy_auth(secret, &c->submitter), user, label_out, label_size);
}

static enum auth_result on_cram(void *arg, struct span user, struct span challenge,
				const uint8_t digest[16], char *label_out, size_t label_size)
{
	struct conn *c = arg;

	if (!auth_may_try(c, user))
		return AUTH_THROTTLED;
	return found(c, policy_cram(user, challenge, digest, &c->submitter), user, label_out,
		     label_size);
}

static void on_unique(void *arg, char out[SESSION_UNIQUE_SIZE])
{
	uint8_t random[10];
	char hex[2 * sizeof(random) + 1] = "";

	(void)arg;
	randombytes_buf(random, sizeof(random));
	hex_encode(random, sizeof(random), hex);
	snprintf(out, SESSION_UNIQUE_SIZE, "%s.%lld", hex, (long long)wall_now().ms);
}

/* No such credential is no failure: most clients have none. */
static enum auth_result on_network(void *arg, char *label_out, size_t label_size)
{
	struct conn *c = arg;
	enum auth_result r = policy_network(stream_peer_ip(c->stream), &c->submitter);

	if (r == AUTH_OK)
		snprintf(label_out, label_size, "%s", c->submitter.label);
	return r;
}

static void on_answered(void *arg, const char *reply)
{
	struct conn *c = arg;
	bool was_paused = c->committing;

	c->committing = false;
	c->intake = NULL;
	session_reply(&c->session, reply);
	/* called inside session_input when the answer was known at once: then input() pumps */
	if (was_paused)
		conn_pump(c);
}

static bool on_begin(void *arg, const struct session *s, char *refusal, size_t size)
{
	struct conn *c = arg;
	const char *full = intake_refusal(&c->submitter);
	struct intake_facts facts = {.session = s,
				     .client_ip = stream_peer_ip(c->stream),
				     .tls = stream_tls(c->stream),
				     .submitter = c->submitter};

	if (full) {
		snprintf(refusal, size, "%s", full);
		return false;
	}
	c->intake = intake_new(&facts, on_answered, c);
	return true;
}

static void on_content(void *arg, struct span piece)
{
	struct conn *c = arg;

	intake_content(c->intake, piece);
}

static void on_finish(void *arg, const struct session *s, const char *refusal)
{
	struct conn *c = arg;

	if (refusal) {
		LOG_RATED(LOG_WARN, "message-refused", stream_peer_ip(c->stream),
			  KS("id", intake_id(c->intake)), KS("client", stream_peer_ip(c->stream)),
			  KS("server", c->submitter.label), KS("reply", refusal));
		intake_abort(&c->intake);
		return;
	}
	intake_finish(c->intake, &s->dots);
	c->committing = c->intake != NULL;
}

static void on_discard(void *arg)
{
	struct conn *c = arg;

	intake_abort(&c->intake);
}

static const struct session_ops session_ops = {
	.auth = on_auth,
	.cram = on_cram,
	.unique = on_unique,
	.network = on_network,
	.begin = on_begin,
	.content = on_content,
	.finish = on_finish,
	.discard = on_discard,
};

static size_t on_input(struct stream *stream, struct span in, void *arg)
{
	struct conn *c = arg;
	bool was_content = in_content(&c->session);
	size_t used = session_input(&c->session, in);

	(void)stream;
	if (was_content && used)
		pace_heard(&c->pace, used, mono_now());
	conn_pump(c);
	return used;
}

static void on_secured(struct stream *stream, void *arg)
{
	struct conn *c = arg;

	(void)stream;
	session_secured(&c->session);
	pace_turn(&c->pace, false, mono_now());
	conn_pump(c);
}

static void on_drained(struct stream *stream, void *arg)
{
	struct conn *c = arg;

	(void)stream;
	if (c->session.wait == WAIT_NONE)
		conn_pump(c);
}

static void on_ended(struct stream *stream, enum stream_end end, void *arg)
{
	struct conn *c = arg;

	(void)stream;
	if (end == STREAM_TLS_FAILED)
		LOG_RATED(LOG_INFO, "tls-failed", stream_peer_ip(c->stream),
			  KS("client", stream_peer_ip(c->stream)),
			  KS("reason", stream_error(c->stream)));
	if (end == STREAM_EOF) /* it may still read our last replies, perhaps a 250 */
		stream_close(&c->stream);
	conn_free(c);
}

static const struct stream_ops stream_ops = {
	.secured = on_secured,
	.input = on_input,
	.drained = on_drained,
	.ended = on_ended,
};

static void conn_start(const struct arrival *a)
{
	struct session_conf sc = {.hostname = self.hostname,
				  .message_size = self.conf->message_size,
				  .recipients = self.conf->message_recipients,
				  .auth_failures = self.conf->smtpd_auth_failures,
				  .errors = self.conf->smtpd_errors,
				  .cram = policy_offers_cram(),
				  .auth_clear = a->kind == SESSION_SUBMISSION &&
						self.conf->smtpd_auth_clear != 0,
				  .mx_auth = self.conf->smtpd_mx_auth != 0};
	struct conn *c = mem_alloc(sizeof(*c));

	c->next = self.conns;
	c->prev = &self.conns;
	if (c->next)
		c->next->prev = &c->next;
	self.conns = c;
	self.conn_count++;
	c->peer = a->peer;
	pace_init(&c->pace, mono_now());
	c->stream = stream_accept(a->fd, &stream_ops, c);
	stream_out_max(c->stream, SESSION_OUT_MAX);
	stream_on_gone(c->stream, doors_left, (void *)(uintptr_t)a->place);
	session_init(&c->session, a->kind, &sc, &session_ops, c);
	if (a->kind != SESSION_SUBMISSIONS)
		session_greet(&c->session);
	conn_pump(c);
}

/* time */

static const struct {
	const char *reason, *reply;
} overdue[] = {
	[PACE_IDLE] = {"idle", "421 4.4.2 Nothing came for too long, closing"},
	[PACE_SLOW] = {"slow", "421 4.4.2 The message comes too slowly, closing"},
	[PACE_LONG] = {"long", "421 4.4.2 The session lasts too long, closing"},
};

/* Ends what has had its time.  May free c. */
static void conn_check(struct conn *c, const struct pace_limits *limits, struct mono now)
{
	struct session *s = &c->session;
	enum pace_verdict v;

	if (s->wait != WAIT_NONE && s->wait != WAIT_TLS)
		return; /* it is our turn */
	v = pace_check(&c->pace, limits, now);
	if (v == PACE_GOOD)
		return;
	LOG_RATED(LOG_INFO, "timed-out", stream_peer_ip(c->stream),
		  KS("client", stream_peer_ip(c->stream)), KS("reason", overdue[v].reason));
	if (s->wait == WAIT_TLS) { /* nothing can be said in the middle of a handshake */
		conn_free(c);
		return;
	}
	session_end(s, overdue[v].reply);
	conn_pump(c);
}

static struct pace_limits pace_limits(bool mx)
{
	return (struct pace_limits){.command_ms = self.conf->smtpd_command_timeout_ms,
				    .session_ms = self.conf->smtpd_session_time_ms,
				    .rate = self.conf->smtpd_data_rate,
				    .crowded = guard_crowded(mx) || doors_crowded()};
}

static void on_sweep(void *arg)
{
	struct pace_limits at_mx = pace_limits(true), elsewhere = pace_limits(false);
	struct mono now = mono_now();
	struct conn *next;

	(void)arg;
	for (struct conn *c = self.conns; c; c = next) {
		next = c->next;
		conn_check(c, c->session.kind == SESSION_MX ? &at_mx : &elsewhere, now);
	}
	loop_timer_set(self.sweep, SWEEP_MS);
}

/* living and stopping */

const char *listener_check_tls(const struct conf *conf)
{
	static char error[512];
	SSL_CTX *ctx = tls_server_ctx(conf->tls_cert, conf->tls_key, error, sizeof(error));

	if (!ctx)
		return error;
	SSL_CTX_free(self.tls);
	self.tls = ctx;
	return NULL;
}

static void on_stop_timeout(void *arg)
{
	(void)arg;
	if (self.conn_count)
		LOG(LOG_WARN, "sessions-cut", KU("sessions", self.conn_count));
	loop_stop();
}

/* Sessions that are sending a message may finish it; the others are told to come back. */
static void on_term(int signo)
{
	struct conn *next;

	(void)signo;
	if (self.stopping)
		return;
	self.stopping = true;
	doors_close();
	loop_timer_set(self.stop, STOP_MS);
	if (!self.conn_count)
		loop_stop();
	for (struct conn *c = self.conns; c; c = next) {
		next = c->next;
		if (may_be_ended(&c->session))
			conn_pump(c);
	}
}

static void on_hup(int signo)
{
	const char *error;

	(void)signo;
	if (!proc_conf_reload(&self.conf))
		return;
	snprintf(self.hostname, sizeof(self.hostname), "%s", self.conf->hostname.s);
	guard_configure(self.conf);
	intake_configure(self.conf);
	error = listener_check_tls(self.conf);
	if (error)
		LOG(LOG_ERROR, "config-refused", KS("reason", error));
}

void listener_work(struct conf *conf)
{
	self.conf = conf;
	snprintf(self.hostname, sizeof(self.hostname), "%s", conf->hostname.s);
	loop_init();
	policy_init();
	intake_init(conf);
	self.sweep = loop_timer_new(on_sweep, NULL);
	self.stop = loop_timer_new(on_stop_timeout, NULL);
	loop_on_signal(SIGTERM, on_term);
	loop_on_signal(SIGINT, on_term);
	loop_on_signal(SIGHUP, on_hup);
	loop_timer_set(self.sweep, SWEEP_MS);
	doors_watch(conn_start);
	proc_worker_started();
	loop_run();
}
