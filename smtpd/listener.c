/*
 * listener.c - connections: a stream, a session and, during DATA and its flush, an intake.
 *
 * A connection is freed in conn_free() only.  An intake whose flush is under way outlives it and
 * answers to nobody.
 */
#include "smtpd/listener.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "common/stream.h"
#include "smtpd/intake.h"
#include "smtpd/session.h"

enum { SOCKETS_MAX = 3 * CONF_SOCKETS_MAX, BACKLOG = 1024, ACCEPTS_A_TURN = 64 };
enum { ACCEPT_PAUSE_MS = 1000, STOP_MS = 15000, LAST_WORDS_MS = 300 };

struct door {
	int fd;
	enum session_kind kind;
	struct loop_fd *watch;
};

struct conn {
	struct conn *next, **prev;
	struct stream *stream;
	struct session session;
	struct intake *intake;
	bool committing; /* the intake is being finished and will answer */
	struct submitter_facts submitter;
};

static struct {
	struct door doors[SOCKETS_MAX];
	size_t door_count;
	struct conf *conf;
	char hostname[256];
	SSL_CTX *tls;
	struct conn *conns;
	size_t conn_count;
	struct loop_timer *resume, *stop;
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
	mem_free(c);
	/* not at once: the last replies, perhaps a 250, are still to be sent by the loop */
	if (self.stopping && !self.conn_count)
		loop_timer_set(self.stop, LAST_WORDS_MS);
}

/* Sends what the session said and does what it waits for.  May free c. */
static void conn_pump(struct conn *c)
{
	struct session *s = &c->session;

	if (self.stopping && s->wait == WAIT_NONE && !session_in_message(s))
		session_end(s, "421 4.3.2 Service is being restarted, try again");
	must(buf_ok(&s->out));
	if (s->out.n) {
		stream_write(c->stream, buf_span(&s->out));
		buf_reset(&s->out);
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
		stream_start_tls(c->stream, self.tls, true, NULL);
		break;
	case WAIT_COMMIT:
		stream_pause(c->stream);
		break;
	case WAIT_CLOSE:
		stream_close(&c->stream);
		conn_free(c);
		break;
	}
}

/* A credential was looked for; user: the name that was given. */
static enum auth_result found(struct conn *c, enum auth_result r, struct span user, char *label_out,
			      size_t label_size)
{
	if (r == AUTH_OK)
		snprintf(label_out, label_size, "%s", c->submitter.label);
	else
		LOG(LOG_WARN, "auth-failed", KS("client", stream_peer_ip(c->stream)),
		    KB("user", user));
	return r;
}

static enum auth_result on_auth(void *arg, struct span user, struct span secret, char *label_out,
				size_t label_size)
{
	struct conn *c = arg;

	return found(c, policy_auth(secret, &c->submitter), user, label_out, label_size);
}

static enum auth_result on_cram(void *arg, struct span user, struct span challenge,
				const uint8_t digest[16], char *label_out, size_t label_size)
{
	struct conn *c = arg;

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
	const char *full = intake_refusal(self.conf, &c->submitter);
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
		LOG(LOG_WARN, "message-refused", KS("client", stream_peer_ip(c->stream)),
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
	size_t used = session_input(&c->session, in);

	(void)stream;
	conn_pump(c);
	return used;
}

static void on_secured(struct stream *stream, void *arg)
{
	struct conn *c = arg;

	(void)stream;
	session_secured(&c->session);
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
		LOG(LOG_INFO, "tls-failed", KS("client", stream_peer_ip(c->stream)),
		    KS("reason", stream_error(c->stream)));
	if (end == STREAM_TIMEOUT && !c->committing && c->session.wait == WAIT_NONE) {
		session_end(&c->session, "421 4.4.2 Nothing came for too long, closing");
		conn_pump(c);
		return;
	}
	conn_free(c);
}

static const struct stream_ops stream_ops = {
	.secured = on_secured,
	.input = on_input,
	.drained = on_drained,
	.ended = on_ended,
};

static void conn_start(int fd, enum session_kind kind)
{
	struct session_conf sc = {.hostname = self.hostname,
				  .message_size = self.conf->message_size,
				  .recipients = self.conf->message_recipients,
				  .auth_failures = self.conf->smtpd_auth_failures,
				  .errors = self.conf->smtpd_errors,
				  .cram = policy_offers_cram(),
				  .auth_clear = kind == SESSION_SUBMISSION &&
						self.conf->smtpd_auth_clear != 0,
				  .mx_auth = self.conf->smtpd_mx_auth != 0};
	struct conn *c = mem_alloc(sizeof(*c));

	c->next = self.conns;
	c->prev = &self.conns;
	if (c->next)
		c->next->prev = &c->next;
	self.conns = c;
	self.conn_count++;
	c->stream = stream_accept(fd, &stream_ops, c);
	stream_timeout(c->stream, self.conf->smtpd_command_timeout_ms);
	session_init(&c->session, kind, &sc, &session_ops, c);
	if (kind != SESSION_SUBMISSIONS)
		session_greet(&c->session);
	conn_pump(c);
}

/* accepting */

static void want_all(bool on)
{
	for (size_t i = 0; i < self.door_count; i++)
		if (self.doors[i].watch)
			loop_fd_want(self.doors[i].watch, on, false);
}

static void on_resume(void *arg)
{
	(void)arg;
	want_all(!self.stopping);
}

static void turn_away(int fd)
{
	static const char line[] = "421 4.3.2 Too many sessions, try again later\r\n";

	if (send(fd, line, sizeof(line) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		LOG(LOG_DEBUG, "turned-away", KERR(errno));
	fd_close(&fd);
}

static void on_connection(int listen_fd, bool readable, bool writable, void *arg)
{
	const struct door *door = arg;

	(void)readable;
	(void)writable;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			       errno == ENOBUFS)) {
			LOG(LOG_ERROR, "accept-paused", KERR(errno));
			want_all(false);
			loop_timer_set(self.resume, ACCEPT_PAUSE_MS);
		}
		if (fd < 0)
			return;
		if (self.conn_count >= self.conf->smtpd_sessions)
			turn_away(fd);
		else
			conn_start(fd, door->kind);
	}
}

/* opening */

static void add_door(int fd, enum session_kind kind)
{
	must(self.door_count < SOCKETS_MAX);
	self.doors[self.door_count++] = (struct door){.fd = fd, .kind = kind};
}

static int bind_socket(const struct conf_socket *at)
{
	int one = 1, fd;

	fd = socket(at->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die(EX_OSERR, "%s: %s", at->text, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (at->addr.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&at->addr, at->len) < 0 || listen(fd, BACKLOG) < 0)
		die(EX_UNAVAILABLE, "%s cannot be listened on: %s; change listen.* in the "
				    "configuration or stop what uses it",
		    at->text, strerror(errno));
	return fd;
}

static void open_kind(const char *name, const struct conf_sockets *at, enum session_kind kind)
{
	int fds[CONF_SOCKETS_MAX];
	size_t n = proc_listen_fds(name, fds, CONF_SOCKETS_MAX);

	for (size_t i = 0; i < n; i++)
		add_door(fds[i], kind);
	for (size_t i = 0; i < at->n && !n; i++)
		add_door(bind_socket(&at->at[i]), kind);
}

void listener_open(const struct conf *conf)
{
	open_kind("submission", &conf->listen_submission, SESSION_SUBMISSION);
	open_kind("submissions", &conf->listen_submissions, SESSION_SUBMISSIONS);
	open_kind("mx", &conf->listen_mx, SESSION_MX);
	if (!self.door_count)
		die(EX_CONFIG, "nothing to listen on: set listen.submission, listen.submissions or "
			       "listen.mx");
}

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

/* living and stopping */

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
	for (size_t i = 0; i < self.door_count; i++)
		loop_fd_free(&self.doors[i].watch);
	loop_timer_set(self.stop, STOP_MS);
	if (!self.conn_count)
		loop_stop();
	for (struct conn *c = self.conns; c; c = next) {
		next = c->next;
		if (c->session.wait == WAIT_NONE)
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
	self.resume = loop_timer_new(on_resume, NULL);
	self.stop = loop_timer_new(on_stop_timeout, NULL);
	loop_on_signal(SIGTERM, on_term);
	loop_on_signal(SIGINT, on_term);
	loop_on_signal(SIGHUP, on_hup);
	for (size_t i = 0; i < self.door_count; i++)
		self.doors[i].watch = loop_fd_new(self.doors[i].fd, on_connection, &self.doors[i]);
	want_all(true);
	proc_worker_started();
	loop_run();
}
