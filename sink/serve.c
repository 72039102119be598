#include "sink/serve.h"

#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/stream.h"
#include "sink/sink.h"

enum { ACCEPT_BATCH = 64, ACCEPT_PAUSE_MS = 1000, STOP_TICK_MS = 100 };

struct client {
	struct client *next, **link; /* *link points here */
	struct stream *stream;
	struct sink session;
	struct store_file *file; /* the message that is being received, or NULL */
};

static struct {
	struct store *store;
	const char *name;
	SSL_CTX *tls;
	struct loop_fd *listeners[SERVE_LISTENERS_MAX];
	int fds[SERVE_LISTENERS_MAX];
	size_t listener_count;
	struct loop_timer *accept_again, *stop_tick;
	bool stopping, quiet;
	struct mono stop_at;
	struct client *clients;
	size_t client_count;
} self;

static void client_free(struct client *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	self.client_count--;
	store_drop(&c->file);
	sink_done(&c->session);
	stream_free(&c->stream);
	loop_later(mem_free, c);
}

static void log_kept(const struct client *c, const char *name)
{
	const struct sink *s = &c->session;

	LOG(LOG_INFO, "sink-kept", KS("file", name), KS("sender", s->sender.s),
	    KU("rcpts", s->rcpt_count), KS("rcpt", s->rcpts[0].s), KU("size", s->dots.bytes),
	    KS("ip", s->peer), KS("helo", s->helo), KS("tls", s->tls));
}

static void log_not_kept(const struct client *c, int err)
{
	LOG(LOG_WARN, "sink-not-kept", KS("sender", c->session.sender.s), KS("ip", c->session.peer),
	    KERR(err));
}

static int open_message(struct client *c)
{
	struct buf head;
	int err = store_begin(self.store, &c->file);

	buf_init(&head, SINK_HEAD_MAX);
	if (!err) {
		sink_head(&c->session, wall_now(), &head);
		err = buf_ok(&head) ? store_add(c->file, buf_span(&head)) : -EMSGSIZE;
	}
	buf_done(&head);
	return err;
}

/* What the session asked of the disk. */
static void obey(struct client *c, enum sink_action action)
{
	char name[STORE_NAME_SIZE] = "";
	int err;

	if (action == SINK_OPEN)
		err = open_message(c);
	else if (action == SINK_WRITE)
		err = store_add(c->file, c->session.piece);
	else
		err = store_keep(&c->file, wall_now(), name);
	if (err) {
		log_not_kept(c, err);
		store_drop(&c->file);
	} else if (action == SINK_KEEP) {
		log_kept(c, name);
	}
	sink_answer(&c->session, err, name);
}

static void flush_replies(struct client *c)
{
	stream_write(c->stream, buf_span(&c->session.out));
	buf_reset(&c->session.out);
}

static void hang_up(struct client *c)
{
	flush_replies(c);
	stream_close(&c->stream);
	client_free(c);
}

/* One step; false when nothing more can be done now. */
static bool step(struct client *c, struct span *in)
{
	enum sink_action action;

	if (stream_full(c->stream)) {
		stream_pause(c->stream);
		return false;
	}
	*in = span_from(*in, sink_feed(&c->session, *in, &action));
	switch (action) {
	case SINK_WAIT:
		return false;
	case SINK_GO:
		break;
	case SINK_OPEN:
	case SINK_WRITE:
	case SINK_KEEP:
		obey(c, action);
		break;
	case SINK_DROP:
		store_drop(&c->file);
		break;
	case SINK_START_TLS:
		flush_replies(c);
		stream_start_tls(c->stream, self.tls);
		return false;
	case SINK_CLOSE:
		hang_up(c);
		return false;
	}
	if (self.stopping && c->session.at == SINK_AT_COMMAND) {
		buf_str(&c->session.out, "421 4.3.2 Stopping\r\n");
		hang_up(c);
		return false;
	}
	return true;
}

static size_t on_input(struct stream *stream, struct span in, void *arg)
{
	struct client *c = arg;
	struct span rest = in;

	(void)stream;
	while (step(c, &rest))
		if (c->session.out.n > SINK_OUT_MAX / 2)
			flush_replies(c);
	if (c->stream)
		flush_replies(c);
	return in.n - rest.n;
}

static void on_drained(struct stream *stream, void *arg)
{
	(void)arg;
	stream_resume(stream);
}

static void on_secured(struct stream *stream, void *arg)
{
	struct client *c = arg;

	sink_secured(&c->session, stream_tls(stream));
}

static void on_ended(struct stream *stream, enum stream_end end, void *arg)
{
	struct client *c = arg;

	if (end != STREAM_EOF)
		LOG(LOG_INFO, "sink-lost", KS("ip", c->session.peer),
		    KS("reason", end == STREAM_TIMEOUT ? "timeout" : stream_error(stream)));
	client_free(c);
}

static const struct stream_ops ops = {
	.input = on_input,
	.drained = on_drained,
	.secured = on_secured,
	.ended = on_ended,
};

static void client_new(int fd)
{
	struct client *c = mem_alloc(sizeof(*c));

	c->stream = stream_accept(fd, &ops, c);
	c->next = self.clients;
	c->link = &self.clients;
	if (c->next)
		c->next->link = &c->next;
	self.clients = c;
	self.client_count++;
	sink_init(&c->session, self.name, stream_peer_ip(c->stream));
	if (self.client_count > SERVE_SESSIONS_MAX) {
		LOG(LOG_WARN, "sink-full", KS("ip", c->session.peer),
		    KU("sessions", SERVE_SESSIONS_MAX));
		buf_reset(&c->session.out);
		buf_str(&c->session.out, "421 4.3.2 Too many sessions; come back later\r\n");
		hang_up(c);
		return;
	}
	stream_timeout(c->stream, SERVE_TIMEOUT_MS);
	flush_replies(c);
}

static void listeners_want(bool on)
{
	for (size_t i = 0; i < self.listener_count; i++)
		loop_fd_want(self.listeners[i], on, false);
}

static void accept_again(void *arg)
{
	(void)arg;
	if (!self.stopping)
		listeners_want(true);
}

/* Without descriptors the waiting connection would wake us for ever, so all rest a little. */
static void on_listener(int fd, bool readable, bool writable, void *arg)
{
	(void)readable;
	(void)writable;
	(void)arg;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (client >= 0) {
			client_new(client);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			LOG(LOG_ERROR, "accept-paused", KERR(errno));
			listeners_want(false);
			loop_timer_set(self.accept_again, ACCEPT_PAUSE_MS);
		}
		return;
	}
}

/* Ends when a whole tick has passed without a session, because the last reply is still on its way
 * when its session has gone: a sender that missed it would send the message again. */
static void stop_tick(void *arg)
{
	(void)arg;
	if (self.quiet || mono_now().ms >= self.stop_at.ms) {
		loop_stop();
		return;
	}
	self.quiet = self.client_count == 0;
	loop_timer_set(self.stop_tick, STOP_TICK_MS);
}

void serve_init(struct store *store, const char *name)
{
	self.store = store;
	self.name = name;
	self.accept_again = loop_timer_new(accept_again, NULL);
	self.stop_tick = loop_timer_new(stop_tick, NULL);
}

void serve_tls(SSL_CTX *ctx)
{
	SSL_CTX_free(self.tls);
	self.tls = ctx;
}

void serve_listen(int fd)
{
	size_t i = self.listener_count++;

	must(i < SERVE_LISTENERS_MAX);
	self.fds[i] = fd;
	self.listeners[i] = loop_fd_new(fd, on_listener, NULL);
	loop_fd_want(self.listeners[i], true, false);
}

void serve_stop(void)
{
	struct client *next;

	if (self.stopping)
		return;
	self.stopping = true;
	self.stop_at = (struct mono){mono_now().ms + SERVE_STOP_MS};
	for (size_t i = 0; i < self.listener_count; i++) {
		loop_fd_free(&self.listeners[i]);
		fd_close(&self.fds[i]);
	}
	self.listener_count = 0;
	for (struct client *c = self.clients; c; c = next) {
		next = c->next;
		if (c->session.at != SINK_AT_COMMAND)
			continue;
		buf_str(&c->session.out, "421 4.3.2 Stopping\r\n");
		hang_up(c);
	}
	loop_timer_set(self.stop_tick, STOP_TICK_MS);
}
