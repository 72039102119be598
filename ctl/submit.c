/*
 * submit.c - posthaste sandbox send: one small message into the sandbox, as an application would.
 *
 * A blocking SMTP client for this one dialogue: EHLO, STARTTLS verified against the sandbox's own
 * authority, AUTH PLAIN, MAIL, RCPT, DATA.  Nothing of it is reused by a daemon.
 */
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mail/addr.h"
#include "common/proc.h"
#include "ctl/ctl.h"
#include "ctl/env.h"
#include "ctl/output.h"
#include "ctl/sandbox.h"
#include "ctl/sandbox_defaults.h"

enum { TIMEOUT_S = 60, REPLY_MAX = 8192, LINE_MAX_BYTES = 2048 };

struct account {
	char host[256], port[16], user[256], pass[256], ca[4096], domain[256];
};

struct submit {
	const char *dir;
	struct account a;
	struct addr to;
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;
	struct buf in;	  /* received, not yet looked at */
	struct buf reply; /* the last one, lines with LF */
	int code;
};

/* DIR/env */

static int account_read(const char *dir, struct account *a)
{
	const struct {
		const char *name;
		char *out;
		size_t size;
	} wanted[] = {
		{"SMTP_HOST", a->host, sizeof(a->host)}, {"SMTP_PORT", a->port, sizeof(a->port)},
		{"SMTP_USER", a->user, sizeof(a->user)}, {"SMTP_PASS", a->pass, sizeof(a->pass)},
		{"SMTP_CA", a->ca, sizeof(a->ca)},
		{"MAIL_DOMAIN", a->domain, sizeof(a->domain)},
	};
	struct buf text, value;
	int code = 0, err = file_read(SANDBOX_ENV, ENV_FILE_MAX, &text);

	if (err)
		return ctl_fail(EX_NOINPUT, "%s/" SANDBOX_ENV ": %s; `posthaste sandbox start %s` "
				"writes it", dir, strerror(-err), dir);
	buf_init(&value, ENV_FILE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(wanted) && !code; i++) {
		buf_reset(&value);
		if (env_get(buf_span(&text), wanted[i].name, &value) || value.n == 0 ||
		    span_cstr(buf_span(&value), wanted[i].out, wanted[i].size))
			code = ctl_fail(EX_DATAERR, "%s/" SANDBOX_ENV " has no %s; `posthaste sandbox "
					"start %s` writes it anew", dir, wanted[i].name, dir);
	}
	buf_done(&value);
	buf_done(&text);
	return code;
}

/* the connection */

static int connect_to(struct submit *s)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct timeval tv = {.tv_sec = TIMEOUT_S};
	struct addrinfo *list = NULL;
	int err = getaddrinfo(s->a.host, s->a.port, &hints, &list);

	if (err)
		return ctl_fail(EX_NOHOST, "%s port %s: %s; look at %s/" SANDBOX_ENV, s->a.host,
				s->a.port, gai_strerror(err), s->dir);
	s->fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd >= 0) {
		setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
		setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	}
	err = s->fd < 0 || connect(s->fd, list->ai_addr, list->ai_addrlen) < 0 ? errno : 0;
	freeaddrinfo(list);
	if (err)
		return ctl_fail(EX_UNAVAILABLE, "%s port %s: %s; start the sandbox by `posthaste "
				"sandbox start %s`", s->a.host, s->a.port, strerror(err), s->dir);
	return 0;
}

static ssize_t receive(struct submit *s, uint8_t *p, size_t n)
{
	if (s->ssl)
		return SSL_read(s->ssl, p, (int)n);
	return read(s->fd, p, n);
}

static int lost(const struct submit *s, const char *when)
{
	return ctl_fail(EX_UNAVAILABLE, "the connection was lost or nothing came for %d s %s; look at "
			"%s/log/posthaste.log", TIMEOUT_S, when, s->dir);
}

/* The next line without its end; false: the connection is gone. */
static bool line_get(struct submit *s, struct buf *line)
{
	size_t n;

	while ((n = span_find(buf_span(&s->in), '\n')) == s->in.n) {
		uint8_t *room = buf_room(&s->in, 1024);
		ssize_t got = room ? receive(s, room, 1024) : 0;

		if (got <= 0)
			return false;
		buf_used(&s->in, (size_t)got);
	}
	buf_reset(line);
	buf_add(line, span_head(buf_span(&s->in), n && s->in.p[n - 1] == '\r' ? n - 1 : n));
	buf_drop(&s->in, n + 1);
	return true;
}

/* RFC 5321 4.2: lines of one code, "-" behind it in all but the last. */
static int reply_get(struct submit *s, const char *when)
{
	struct buf line;
	uint64_t code = 0;
	bool more = true, ok = true;

	buf_init(&line, LINE_MAX_BYTES);
	buf_reset(&s->reply);
	while (ok && more) {
		ok = line_get(s, &line) && buf_ok(&line) && line.n >= 3 &&
		     span_u64(span_head(buf_span(&line), 3), 599, &code) == 0;
		more = ok && line.n > 3 && line.p[3] == '-';
		buf_add(&s->reply, buf_span(&line));
		buf_byte(&s->reply, more ? '\n' : ' ');
	}
	buf_done(&line);
	if (!ok || !buf_ok(&s->reply))
		return lost(s, when);
	s->code = (int)code;
	return 0;
}

static int send_all(struct submit *s, struct span text, const char *when)
{
	while (text.n) {
		ssize_t n = s->ssl ? SSL_write(s->ssl, text.p, (int)text.n)
				   : send(s->fd, text.p, text.n, MSG_NOSIGNAL);

		if (n <= 0)
			return lost(s, when);
		text = span_from(text, (size_t)n);
	}
	return 0;
}

static int refused(const struct submit *s, const char *when, const char *advice)
{
	struct buf text;
	int code;

	buf_init(&text, 4 * REPLY_MAX);
	out_text(&text, span_trim(buf_span(&s->reply)));
	code = ctl_fail(s->code < 500 ? EX_TEMPFAIL : EX_UNAVAILABLE, "%s was answered by %.*s; %s",
			when, SPAN_FMT(buf_span(&text)), advice);
	buf_done(&text);
	return code;
}

/* One command and its reply, whose code has to be `want`. */
static int say(struct submit *s, const char *name, struct span line, int want, const char *advice)
{
	char when[64];
	int code;

	snprintf(when, sizeof(when), "after %s", name);
	code = send_all(s, line, when);
	if (!code)
		code = reply_get(s, when);
	if (!code && s->code != want)
		code = refused(s, name, advice);
	return code;
}

static int sayf(struct submit *s, const char *name, int want, const char *advice, const char *fmt,
		...) PRINTF(5, 6);
static int sayf(struct submit *s, const char *name, int want, const char *advice, const char *fmt,
		...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	must(n > 0 && (size_t)n < sizeof(line));
	return say(s, name, span_of(line, (size_t)n), want, advice);
}

/* TLS */

static int tls_fail(const struct submit *s)
{
	long verify = s->ssl ? SSL_get_verify_result(s->ssl) : X509_V_OK;
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	if (verify != X509_V_OK)
		why = X509_verify_cert_error_string(verify);
	return ctl_fail(EX_PROTOCOL, "TLS with %s port %s failed: %s; the certificate (tls.cert) must "
			"be signed by %s and name %s", s->a.host, s->a.port,
			why ? why : "the connection was closed", s->a.ca, s->a.host);
}

static bool expect_host(SSL *ssl, char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	return X509_VERIFY_PARAM_set1_ip_asc(param, host) ||
	       (SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, host));
}

static int tls_begin(struct submit *s)
{
	SSL *ssl;

	s->ctx = SSL_CTX_new(TLS_client_method());
	if (!s->ctx || !SSL_CTX_set_min_proto_version(s->ctx, TLS1_2_VERSION) ||
	    !SSL_CTX_load_verify_locations(s->ctx, s->a.ca, NULL))
		return tls_fail(s);
	SSL_CTX_set_verify(s->ctx, SSL_VERIFY_PEER, NULL);
	ssl = SSL_new(s->ctx);
	if (!ssl)
		return tls_fail(s);
	s->ssl = ssl;
	if (!expect_host(ssl, s->a.host) || !SSL_set_fd(ssl, s->fd) || SSL_connect(ssl) != 1)
		return tls_fail(s);
	return 0;
}

/* the dialogue */

static int greet(struct submit *s)
{
	static const char advice[] = "look at the sandbox's log";
	int code = reply_get(s, "before the greeting");

	if (!code && s->code != 220)
		code = refused(s, "the connection", advice);
	if (!code)
		code = sayf(s, "EHLO", 250, advice, "EHLO %s\r\n", s->a.domain);
	if (!code)
		code = sayf(s, "STARTTLS", 220, advice, "STARTTLS\r\n");
	if (!code && s->in.n)
		code = ctl_fail(EX_PROTOCOL, "the server sent bytes between STARTTLS and TLS");
	if (!code)
		code = tls_begin(s);
	return code ? code : sayf(s, "EHLO", 250, advice, "EHLO %s\r\n", s->a.domain);
}

/* RFC 4616: an empty identity, the user, the password, with NULs between. */
static int log_in(struct submit *s)
{
	char text[1024];
	struct buf plain;
	int code;

	buf_init(&plain, 600);
	buf_byte(&plain, '\0');
	buf_str(&plain, s->a.user);
	buf_byte(&plain, '\0');
	buf_str(&plain, s->a.pass);
	sodium_bin2base64(text, sizeof(text), plain.p, plain.n, sodium_base64_VARIANT_ORIGINAL);
	code = sayf(s, "AUTH PLAIN", 235, "the credential may have been deleted: stop and start the "
		    "sandbox, which makes a new one", "AUTH PLAIN %s\r\n", text);
	sodium_memzero(plain.p, plain.n);
	sodium_memzero(text, sizeof(text));
	buf_done(&plain);
	return code;
}

static void compose(const struct submit *s, struct buf *out)
{
	char date[WALL_TEXT_SIZE], id[33];
	uint8_t random[16];

	wall_rfc5322(wall_now(), date);
	randombytes_buf(random, sizeof(random));
	hex_encode(random, sizeof(random), id);
	buf_fmt(out, "Date: %s\r\nFrom: Sandbox <hello@%s>\r\nTo: <%s>\r\n", date, s->a.domain,
		s->to.s);
	buf_fmt(out, "Message-ID: <%.32s@%s>\r\nSubject: Hello from the sandbox\r\n", id,
		s->a.domain);
	buf_str(out, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
		     "This message was accepted, signed and delivered by Posthaste.\r\n.\r\n");
}

static int message_send(struct submit *s)
{
	struct buf text;
	int code = sayf(s, "MAIL FROM", 250, "is the domain still there (posthaste domain list)?",
			"MAIL FROM:<hello@%s>\r\n", s->a.domain);

	if (!code)
		code = sayf(s, "RCPT TO", 250, "name another address by --to", "RCPT TO:<%s>\r\n",
			    s->to.s);
	if (!code)
		code = sayf(s, "DATA", 354, "look at the sandbox's log", "DATA\r\n");
	if (code)
		return code;
	buf_init(&text, REPLY_MAX);
	compose(s, &text);
	code = say(s, "the message", buf_span(&text), 250,
		   "look at the sandbox's log; is its disk full?");
	buf_done(&text);
	return code;
}

/* The reply says "queued as" and 32 hex digits. */
static int id_print(struct submit *s, const struct ctl_options *o)
{
	static const char mark[] = "queued as ";
	char *at;
	struct span id;
	uint8_t bytes[16];

	buf_byte(&s->reply, '\0');
	at = strstr((char *)s->reply.p, mark);
	id = span_head(span_trim(span_str(at ? at + sizeof(mark) - 1 : "")), 32);
	if (hex_decode(id, bytes, sizeof(bytes)) != 0)
		return ctl_fail(EX_PROTOCOL, "accepted, but the reply has no queue id: %s",
				(char *)s->reply.p);
	if (o->json)
		out_json(json_pack("{s:o, s:o, s:o}", "id", out_string(id), "from",
				   out_str("hello@sandbox.test"), "to", out_str(s->to.s)));
	else
		printf("%.*s\n", SPAN_FMT(id));
	return 0;
}

static void submit_done(struct submit *s)
{
	SSL_free(s->ssl);
	SSL_CTX_free(s->ctx);
	fd_close(&s->fd);
	sodium_memzero(&s->a, sizeof(s->a));
	buf_done(&s->in);
	buf_done(&s->reply);
}

static int submit(struct submit *s, const struct ctl_options *o)
{
	int code = connect_to(s);

	if (!code)
		code = greet(s);
	if (!code)
		code = log_in(s);
	if (!code)
		code = message_send(s);
	if (!code)
		code = id_print(s, o);
	if (!code)
		code = sayf(s, "QUIT", 221, "the message was accepted all the same", "QUIT\r\n");
	return code;
}

int cmd_sandbox_send(int argc, char **argv, const struct ctl_options *o)
{
	const char *args[1] = {NULL}, *to = "hello@sink.test";
	const struct ctl_opt opts[] = {{"--to", CTL_VALUE, &to}};
	struct submit s = {.fd = -1};
	int err, code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), args, 0, 1);

	if (code)
		return code;
	s.dir = args[0] ? args[0] : o->dir;
	if (!s.dir)
		return ctl_fail(EX_USAGE, "no folder given; name the sandbox's folder DIR");
	err = addr_parse(span_str(to), &s.to);
	if (err)
		return ctl_fail(EX_USAGE, "--to %s: %s", to, addr_error(err));
	if (sodium_init() < 0 || chdir(s.dir) < 0)
		return ctl_fail(EX_NOINPUT, "%s: %s; name the sandbox's folder", s.dir,
				strerror(errno));
	signal(SIGPIPE, SIG_IGN);
	buf_init(&s.in, REPLY_MAX);
	buf_init(&s.reply, REPLY_MAX);
	code = account_read(s.dir, &s.a);
	if (!code)
		code = submit(&s, o);
	submit_done(&s);
	return code;
}
