/*
 * stream.c - connections over libevent's bufferevents.
 *
 * The descriptor and the SSL object are ours; a bufferevent is thrown away and made anew when TLS
 * begins.  A stream that has ended or was freed is dead: its memory goes at the end of the loop
 * turn, so callbacks on the stack may still look at it.
 */
#include "common/stream.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <unistd.h>

#include "common/loop.h"

enum {
	SEND_NOW_MAX = 32 * 1024,
	CLOSE_MS = 10000,
	LINGER_MS = 2000,
	ERROR_SIZE = 160,
	TLS_TEXT_SIZE = 80
};

struct stream {
	int fd;
	struct bufferevent *bev;
	SSL *ssl;
	const struct stream_ops *ops;
	void *arg;
	int64_t timeout_ms;
	size_t out_max;
	bool connecting, paused, dead;
	bool read_off;		      /* while paused: something came, and no more is read */
	bool eof;		      /* the other side closed; the owner is told in its turn */
	bool closing, lingering;      /* stream_close: flush, then wait for the other side */
	struct loop_timer *end;	      /* of closing; whatever comes or is taken meanwhile */
	bool tls_wanted, handshaking; /* between stream_start_tls and secured */
	bool tls_server;
	char tls[TLS_TEXT_SIZE];
	char error[ERROR_SIZE];
	char peer[IP_TEXT_SIZE];
	void (*gone)(void *arg);
	void *gone_arg;
};

static void attach(struct stream *s, struct bufferevent *bev);

/* Nothing of ours waits to be sent. */
static bool is_empty(const struct stream *s)
{
	return evbuffer_get_length(bufferevent_get_output(s->bev)) == 0;
}

static void free_now(void *arg)
{
	mem_free(arg);
}

static void release(struct stream *s)
{
	if (s->dead)
		return;
	s->dead = true;
	loop_timer_free(&s->end);
	if (s->ssl && !s->handshaking) {
		SSL_set_shutdown(s->ssl, SSL_RECEIVED_SHUTDOWN);
		SSL_shutdown(s->ssl);
		ERR_clear_error();
	}
	if (s->bev) {
		/* within its own callback bufferevent_free() only marks it: the loop would
		 * watch the number of the descriptor, which another connection has by then */
		bufferevent_disable(s->bev, EV_READ | EV_WRITE);
		bufferevent_free(s->bev);
	}
	s->bev = NULL;
	SSL_free(s->ssl);
	s->ssl = NULL;
	fd_close(&s->fd);
	if (s->gone)
		s->gone(s->gone_arg);
	loop_later(free_now, s);
}

static void finish(struct stream *s, enum stream_end end)
{
	bool was_closing = s->closing;

	if (s->dead)
		return;
	if (!was_closing)
		s->ops->ended(s, end, s->arg);
	/* the owner has closed: what it said before goes out */
	if ((end == STREAM_TIMEOUT || end == STREAM_EOF) && s->closing && !was_closing)
		return;
	release(s);
}

/* input */

static void show_input(struct stream *s)
{
	struct evbuffer *in = bufferevent_get_input(s->bev);
	size_t used = 1;

	while (used && !s->dead && !s->paused && !s->closing && !s->tls_wanted &&
	       evbuffer_get_length(in)) {
		size_t n = evbuffer_get_length(in);

		used = s->ops->input(s, span_of(evbuffer_pullup(in, -1), n), s->arg);
		must(used <= n);
		if (!s->dead)
			evbuffer_drain(in, used);
	}
	if (!s->dead && s->closing)
		evbuffer_drain(in, evbuffer_get_length(in));
}

/* What has come, and then its end: not while the owner has paused. */
static void show_rest(void *arg)
{
	struct stream *s = arg;

	if (s->dead || s->paused)
		return;
	show_input(s);
	if (s->eof && !s->dead && !s->paused && !s->closing && !s->tls_wanted)
		finish(s, STREAM_EOF);
}

/* The last bytes may not have been shown yet, and ours may still have to go out, which the end has
 * stopped where there is TLS. */
static void on_eof(struct stream *s)
{
	s->eof = true;
	bufferevent_enable(s->bev, EV_WRITE);
	loop_later(show_rest, s);
}

static void set_timeouts(struct stream *s, int64_t ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	bufferevent_set_timeouts(s->bev, ms ? &tv : NULL, ms ? &tv : NULL);
}

/* After the last byte: say that nothing more comes, and read what the other side still sends, so
 * that our last words are not lost to a reset; nothing to read where it has closed. */
static void linger(struct stream *s)
{
	if (s->eof) {
		release(s);
		return;
	}
	s->lingering = true;
	if (s->ssl) {
		SSL_set_shutdown(s->ssl, SSL_RECEIVED_SHUTDOWN);
		SSL_shutdown(s->ssl);
		ERR_clear_error();
	}
	shutdown(s->fd, SHUT_WR);
	bufferevent_disable(s->bev, EV_WRITE);
	bufferevent_enable(s->bev, EV_READ);
	loop_timer_set(s->end, LINGER_MS);
}

static void begin_tls(struct stream *s)
{
	struct evbuffer *in = bufferevent_get_input(s->bev);

	s->tls_wanted = false;
	if (evbuffer_get_length(in)) {
		snprintf(s->error, sizeof(s->error), "data was sent ahead of the TLS handshake");
		finish(s, STREAM_TLS_FAILED);
		return;
	}
	bufferevent_free(s->bev);
	s->bev = NULL;
	s->handshaking = true;
	attach(s, bufferevent_openssl_socket_new(loop_base(), s->fd, s->ssl,
						 s->tls_server ? BUFFEREVENT_SSL_ACCEPTING
							       : BUFFEREVENT_SSL_CONNECTING,
						 0));
	bufferevent_openssl_set_allow_dirty_shutdown(s->bev, 1);
}

/* A pause costs nothing until something comes in it, which mostly nothing does. */
static void stop_reading(struct stream *s)
{
	s->read_off = true;
	bufferevent_disable(s->bev, EV_READ);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct stream *s = arg;

	(void)bev;
	if (s->paused && !s->dead && !s->closing)
		stop_reading(s);
	else
		show_input(s);
}

static void on_write(struct bufferevent *bev, void *arg)
{
	struct stream *s = arg;

	(void)bev;
	if (s->dead || s->connecting || s->handshaking)
		return;
	if (s->tls_wanted)
		begin_tls(s);
	else if (s->closing && !s->lingering)
		linger(s);
	else if (!s->closing && s->ops->drained)
		s->ops->drained(s, s->arg);
}

static void note_error(struct stream *s)
{
	unsigned long e = s->ssl ? bufferevent_get_openssl_error(s->bev) : 0;
	const char *reason = e ? ERR_reason_error_string(e) : NULL;

	if (reason)
		snprintf(s->error, sizeof(s->error), "TLS: %s", reason);
	else if (EVUTIL_SOCKET_ERROR())
		snprintf(s->error, sizeof(s->error), "%s", strerror(EVUTIL_SOCKET_ERROR()));
	else
		snprintf(s->error, sizeof(s->error), "connection closed");
	ERR_clear_error();
}

static void on_secured(struct stream *s)
{
	s->handshaking = false;
	snprintf(s->tls, sizeof(s->tls), "%s %s", SSL_get_version(s->ssl),
		 SSL_get_cipher_name(s->ssl));
	if (s->ops->secured)
		s->ops->secured(s, s->arg);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct stream *s = arg;

	(void)bev;
	if (s->dead)
		return;
	if (what & BEV_EVENT_CONNECTED) {
		if (s->handshaking) {
			on_secured(s);
		} else if (s->connecting) {
			s->connecting = false;
			s->ops->connected(s, s->arg);
		}
		return;
	}
	if (s->paused && !s->closing && what & BEV_EVENT_TIMEOUT && what & BEV_EVENT_READING) {
		stop_reading(s); /* nothing was waited for */
		return;
	}
	note_error(s);
	if (what & BEV_EVENT_TIMEOUT)
		finish(s, STREAM_TIMEOUT);
	else if (s->handshaking)
		finish(s, STREAM_TLS_FAILED);
	else if ((what & BEV_EVENT_EOF) && !s->closing)
		on_eof(s);
	else
		finish(s, what & BEV_EVENT_EOF ? STREAM_EOF : STREAM_ERROR);
}

static void attach(struct stream *s, struct bufferevent *bev)
{
	must(bev != NULL);
	s->bev = bev;
	bufferevent_setcb(bev, on_read, on_write, on_event, s);
	bufferevent_setwatermark(bev, EV_READ, 0, STREAM_IN_MAX);
	set_timeouts(s, s->timeout_ms);
	s->read_off = s->paused;
	bufferevent_enable(bev, (short)(EV_WRITE | (s->paused ? 0 : EV_READ)));
}

static struct stream *make(int fd, const struct stream_ops *ops, void *arg)
{
	struct stream *s = mem_alloc(sizeof(*s));
	int one = 1;

	s->fd = fd;
	s->ops = ops;
	s->arg = arg;
	s->out_max = STREAM_OUT_MAX;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return s;
}

struct stream *stream_accept(int fd, const struct stream_ops *ops, void *arg)
{
	struct stream *s = make(fd, ops, arg);
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0)
		ip_text((struct sockaddr *)&peer, s->peer);
	attach(s, bufferevent_socket_new(loop_base(), fd, 0));
	return s;
}

struct stream *stream_connect(const struct sockaddr *to, socklen_t to_len,
			      const struct sockaddr *source, socklen_t source_len,
			      const struct stream_ops *ops, void *arg)
{
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return NULL;
	if (source && bind(fd, source, source_len) < 0) {
		fd_close(&fd);
		return NULL;
	}
	struct stream *s = make(fd, ops, arg);
	ip_text(to, s->peer);
	s->connecting = true;
	attach(s, bufferevent_socket_new(loop_base(), fd, BEV_OPT_DEFER_CALLBACKS));
	if (bufferevent_socket_connect(s->bev, to, (int)to_len) == 0)
		return s;
	release(s);
	return NULL;
}

void stream_free(struct stream **s)
{
	if (*s)
		release(*s);
	*s = NULL;
}

void stream_on_gone(struct stream *s, void (*gone)(void *arg), void *arg)
{
	s->gone = gone;
	s->gone_arg = arg;
}

static void close_expired(void *arg)
{
	release(arg);
}

void stream_close(struct stream **sp)
{
	struct stream *s = *sp;

	*sp = NULL;
	if (!s || s->dead)
		return;
	s->closing = true;
	if (s->connecting || s->handshaking) {
		release(s);
		return;
	}
	set_timeouts(s, 0);
	s->end = loop_timer_new(close_expired, s);
	loop_timer_set(s->end, CLOSE_MS);
	if (is_empty(s))
		linger(s);
	else
		bufferevent_disable(s->bev, EV_READ);
}

/* What the kernel takes at once does not wait for the loop, which finds what has failed.  Large
 * pieces do: else a fast reader of a large message would get all of the loop's time. */
static size_t send_now(struct stream *s, struct span out)
{
	ssize_t n = 0;

	if (!s->ssl && !s->connecting && out.n <= SEND_NOW_MAX && is_empty(s))
		n = send(s->fd, out.p, out.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n > 0 ? (size_t)n : 0;
}

void stream_write(struct stream *s, struct span out)
{
	if (s->dead || s->closing)
		return;
	out = span_from(out, send_now(s, out));
	if (out.n)
		must(bufferevent_write(s->bev, out.p, out.n) == 0);
}

bool stream_full(const struct stream *s)
{
	return !s->dead && evbuffer_get_length(bufferevent_get_output(s->bev)) > s->out_max;
}

void stream_out_max(struct stream *s, size_t n)
{
	s->out_max = n;
}

void stream_pause(struct stream *s)
{
	if (s->dead)
		return;
	s->paused = true;
}

void stream_resume(struct stream *s)
{
	if (s->dead || !s->paused)
		return;
	s->paused = false;
	if (s->read_off && !s->eof)
		bufferevent_enable(s->bev, EV_READ);
	if (s->timeout_ms)
		set_timeouts(s, s->timeout_ms); /* waiting begins now */
	if (s->eof || s->read_off || evbuffer_get_length(bufferevent_get_input(s->bev)))
		loop_later(show_rest, s);
	s->read_off = false;
}

void stream_timeout(struct stream *s, int64_t ms)
{
	s->timeout_ms = ms;
	if (!s->dead && !s->closing)
		set_timeouts(s, ms);
}

static void tls_later(void *arg)
{
	struct stream *s = arg;

	if (!s->dead && s->tls_wanted && is_empty(s))
		begin_tls(s);
}

static void start_tls(struct stream *s, SSL_CTX *ctx)
{
	must(!s->ssl);
	s->ssl = SSL_new(ctx);
	must(s->ssl != NULL);
	/* many close without saying so by TLS; what they had to say SMTP itself delimits */
	SSL_set_options(s->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
	s->tls_wanted = true;
	bufferevent_disable(s->bev, EV_READ);
	/* when nothing waits to be sent, no write callback will come */
	loop_later(tls_later, s);
}

void stream_start_tls(struct stream *s, SSL_CTX *ctx)
{
	if (s->dead)
		return;
	s->tls_server = true;
	start_tls(s, ctx);
}

void stream_start_tls_to(struct stream *s, SSL_CTX *ctx, const char *host)
{
	X509_VERIFY_PARAM *param;
	char *name;

	if (s->dead)
		return;
	start_tls(s, ctx);
	param = SSL_get0_param(s->ssl);
	if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
		return;
	ERR_clear_error();
	name = mem_strdup(host); /* OpenSSL's macro drops const */
	SSL_set_tlsext_host_name(s->ssl, name);
	mem_free(name);
	must(X509_VERIFY_PARAM_set1_host(param, host, 0) == 1);
}

const char *stream_tls_doubt(const struct stream *s)
{
	long result = s->ssl ? SSL_get_verify_result(s->ssl) : X509_V_ERR_UNSPECIFIED;

	return result == X509_V_OK ? "" : X509_verify_cert_error_string(result);
}

const char *stream_tls(const struct stream *s)
{
	return s->tls;
}

const char *stream_error(const struct stream *s)
{
	return s->error;
}

const char *stream_peer_ip(const struct stream *s)
{
	return s->peer;
}

void ip_text(const struct sockaddr *sa, char out[IP_TEXT_SIZE])
{
	const struct sockaddr_in *v4 = (const void *)sa;
	const struct sockaddr_in6 *v6 = (const void *)sa;

	out[0] = '\0';
	if (sa->sa_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, out, IP_TEXT_SIZE);
	else if (sa->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], out, IP_TEXT_SIZE);
	else if (sa->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &v6->sin6_addr, out, IP_TEXT_SIZE);
}
