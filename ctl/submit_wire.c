/*
 * submit_wire.c - the connection of `posthaste sandbox send` and `posthaste sendmail`: blocking
 * SMTP, TLS by OpenSSL.
 */
#include "ctl/submit_wire.h"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/output.h"

enum { TIMEOUT_S = 60, REPLY_MAX = 8192, LINE_MAX_BYTES = 2048, PLAIN_MAX = 1024 };

int wire_connect(struct wire *w)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct timeval tv = {.tv_sec = TIMEOUT_S};
	struct addrinfo *list = NULL;
	int err = getaddrinfo(w->host, w->port, &hints, &list);

	if (err)
		return ctl_fail(EX_NOHOST, "%s port %s: %s; look at the configuration in %s",
				w->host, w->port, gai_strerror(err), w->dir);
	w->fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (w->fd >= 0) {
		setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
		setsockopt(w->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	}
	err = w->fd < 0 || connect(w->fd, list->ai_addr, list->ai_addrlen) < 0 ? errno : 0;
	freeaddrinfo(list);
	if (err)
		return ctl_fail(EX_UNAVAILABLE, "%s port %s: %s; start the instance by `%s`",
				w->host, w->port, strerror(err), ctl_start_command(w->dir));
	return 0;
}

static ssize_t receive(struct wire *w, uint8_t *p, size_t n)
{
	if (w->ssl)
		return SSL_read(w->ssl, p, (int)n);
	return read(w->fd, p, n);
}

static int lost(const struct wire *w, const char *when)
{
	return ctl_fail(EX_UNAVAILABLE,
			"the connection was lost or nothing came for %d s %s; look at "
			"%s/log/posthaste.log",
			TIMEOUT_S, when, w->dir);
}

/* The next line without its end; false: the connection is gone. */
static bool line_get(struct wire *w, struct buf *line)
{
	size_t n;

	while ((n = span_find(buf_span(&w->in), '\n')) == w->in.n) {
		uint8_t *room = buf_room(&w->in, 1024);
		ssize_t got = room ? receive(w, room, 1024) : 0;

		if (got <= 0)
			return false;
		buf_used(&w->in, (size_t)got);
	}
	buf_reset(line);
	buf_add(line, span_head(buf_span(&w->in), n && w->in.p[n - 1] == '\r' ? n - 1 : n));
	buf_drop(&w->in, n + 1);
	return true;
}

/* RFC 5321 4.2: lines of one code, "-" behind it in all but the last. */
static int take_reply(struct wire *w, const char *when)
{
	struct buf line;
	uint64_t code = 0;
	bool more = true, ok = true;

	buf_init(&line, LINE_MAX_BYTES);
	buf_reset(&w->reply);
	while (ok && more) {
		ok = line_get(w, &line) && buf_ok(&line) && line.n >= 3 &&
		     span_u64(span_head(buf_span(&line), 3), 599, &code) == 0;
		more = ok && line.n > 3 && line.p[3] == '-';
		buf_add(&w->reply, buf_span(&line));
		buf_byte(&w->reply, more ? '\n' : ' ');
	}
	buf_done(&line);
	if (!ok || !buf_ok(&w->reply))
		return lost(w, when);
	w->code = (int)code;
	return 0;
}

static int send_all(struct wire *w, struct span text, const char *when)
{
	while (text.n) {
		ssize_t n = w->ssl ? SSL_write(w->ssl, text.p, (int)text.n)
				   : send(w->fd, text.p, text.n, MSG_NOSIGNAL);

		if (n <= 0)
			return lost(w, when);
		text = span_from(text, (size_t)n);
	}
	return 0;
}

int wire_refused(const struct wire *w, const char *when, const char *advice)
{
	struct buf text;
	int code;

	buf_init(&text, 4 * REPLY_MAX);
	out_text(&text, span_trim(buf_span(&w->reply)));
	code = ctl_fail(w->code < 500 ? EX_TEMPFAIL : EX_UNAVAILABLE, "%s was answered by %.*s; %s",
			when, SPAN_FMT(buf_span(&text)), advice);
	buf_done(&text);
	return code;
}

/* One command and its reply, whose code has to be `want`. */
int wire_say(struct wire *w, const char *name, struct span line, int want, const char *advice)
{
	char when[64];
	int code;

	snprintf(when, sizeof(when), "after %s", name);
	code = send_all(w, line, when);
	if (!code)
		code = take_reply(w, when);
	if (!code && want && w->code != want)
		code = wire_refused(w, name, advice);
	return code;
}

int wire_sayf(struct wire *w, const char *name, int want, const char *advice, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	must(n > 0 && (size_t)n < sizeof(line));
	return wire_say(w, name, span_of(line, (size_t)n), want, advice);
}

/* TLS */

static int tls_fail(const struct wire *w)
{
	long verify = w->ssl ? SSL_get_verify_result(w->ssl) : X509_V_OK;
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	if (verify != X509_V_OK)
		why = X509_verify_cert_error_string(verify);
	return ctl_fail(EX_PROTOCOL,
			"TLS with %s port %s failed: %s; the certificate (tls.cert) must "
			"be signed by %s and name %s",
			w->host, w->port, why ? why : "the connection was closed", w->ca, w->host);
}

static bool expect_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	return X509_VERIFY_PARAM_set1_ip_asc(param, host) ||
	       (SSL_set1_host(ssl, host) &&
		SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
			 (void *)(uintptr_t)host));
}

static int begin_tls(struct wire *w)
{
	SSL *ssl;

	w->ctx = SSL_CTX_new(TLS_client_method());
	if (!w->ctx || !SSL_CTX_set_min_proto_version(w->ctx, TLS1_2_VERSION) ||
	    !SSL_CTX_load_verify_locations(w->ctx, w->ca, NULL))
		return tls_fail(w);
	SSL_CTX_set_verify(w->ctx, SSL_VERIFY_PEER, NULL);
	ssl = SSL_new(w->ctx);
	if (!ssl)
		return tls_fail(w);
	w->ssl = ssl;
	if (!expect_host(ssl, w->verify[0] ? w->verify : w->host) || !SSL_set_fd(ssl, w->fd) ||
	    SSL_connect(ssl) != 1)
		return tls_fail(w);
	return 0;
}

/* what a session begins with */

static bool offers(const struct wire *w, const char *keyword)
{
	struct span rest = buf_span(&w->reply);

	while (rest.n) {
		struct span line = span_from(span_cut(&rest, '\n'), 4);

		if (span_ieq_str(span_cut(&line, ' '), keyword))
			return true;
	}
	return false;
}

static int say_hello(struct wire *w, const struct wire_login *l)
{
	return wire_sayf(w, "EHLO", 250, "look at the log", "EHLO %s\r\n", l->name);
}

static int start_tls(struct wire *w, const struct wire_login *l)
{
	int code;

	if (!offers(w, "STARTTLS"))
		return l->clear_allowed
			       ? 0
			       : ctl_fail(EX_TEMPFAIL,
					  "what listens at %s:%s offers no STARTTLS, and the "
					  "password is not sent in clear; see whether smtpd runs",
					  w->host, w->port);
	code = wire_sayf(w, "STARTTLS", 220, "look at the log", "STARTTLS\r\n");
	if (!code && w->in.n)
		code = ctl_fail(EX_PROTOCOL, "the server sent bytes between STARTTLS and TLS");
	if (!code)
		code = begin_tls(w);
	return code ? code : say_hello(w, l);
}

/* RFC 4616: an empty identity, the user, the password, with NULs between. */
static int log_in(struct wire *w, const struct wire_login *l)
{
	char text[LINE_MAX_BYTES - 32];
	struct buf plain;
	int code;

	buf_init(&plain, PLAIN_MAX);
	buf_byte(&plain, '\0');
	buf_str(&plain, l->user);
	buf_byte(&plain, '\0');
	buf_str(&plain, l->pass);
	sodium_bin2base64(text, sizeof(text), plain.p, plain.n, sodium_base64_VARIANT_ORIGINAL);
	code = wire_sayf(w, "AUTH", 235, l->advice, "AUTH PLAIN %s\r\n", text);
	sodium_memzero(plain.p, plain.n);
	sodium_memzero(text, sizeof(text));
	buf_done(&plain);
	return code && w->code / 100 == 5 ? EX_NOPERM : code;
}

int wire_begin(struct wire *w, const struct wire_login *l)
{
	int code = take_reply(w, "before the greeting");

	if (!code && w->code != 220)
		code = wire_refused(w, "the connection", "try again later");
	if (!code)
		code = say_hello(w, l);
	if (code || !l->pass[0])
		return code;
	code = start_tls(w, l);
	return code ? code : log_in(w, l);
}

void wire_quit(struct wire *w)
{
	int unused = wire_sayf(w, "QUIT", 221, "the message was accepted all the same", "QUIT\r\n");

	(void)unused;
}

void wire_init(struct wire *w)
{
	*w = (struct wire){.fd = -1};
	buf_init(&w->in, REPLY_MAX);
	buf_init(&w->reply, REPLY_MAX);
}

void wire_done(struct wire *w)
{
	SSL_free(w->ssl);
	SSL_CTX_free(w->ctx);
	fd_close(&w->fd);
	buf_done(&w->in);
	buf_done(&w->reply);
}
