/*
 * session.c - lines, data, and the end of a transaction.
 *
 * A command line ends at CRLF and at nothing else; a line with a bare CR, a bare LF or a NUL in
 * it is one wrong command and changes nothing, but that it ends an AUTH exchange.  If it was to be
 * a BDAT the session ends: octets of a message follow, and nobody can say how many.
 */
#include "smtpd/session.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/limits.h"

enum { REPLY_SIZE = 1024 };

void session_init(struct session *s, enum session_kind kind, const struct session_conf *conf,
		  const struct session_ops *ops, void *arg)
{
	*s = (struct session){.conf = *conf, .kind = kind, .ops = ops, .arg = arg};
	buf_init(&s->out, SESSION_OUT_MAX);
	if (kind == SESSION_SUBMISSIONS)
		s->wait = WAIT_TLS;
}

void session_done(struct session *s)
{
	session_reset(s);
	buf_done(&s->out);
}

void session_say(struct session *s, const char *fmt, ...)
{
	char line[REPLY_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	buf_fmt(&s->out, "%s\r\n", line);
}

void session_end(struct session *s, const char *line)
{
	session_say(s, "%s", line);
	s->wait = WAIT_CLOSE;
}

void session_error(struct session *s)
{
	if (++s->errors >= s->conf.errors)
		session_end(s, "421 4.7.0 Too many errors, closing");
}

void session_refuse(struct session *s, const char *fmt, ...)
{
	char line[REPLY_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	session_say(s, "%s", line);
	if (line[0] == '5')
		session_error(s);
}

void session_greet(struct session *s)
{
	session_say(s, "220 %s ESMTP Posthaste", s->conf.hostname);
}

/* The one end of a transaction: after DATA, RSET, EHLO, STARTTLS, and with the connection. */
void session_reset(struct session *s)
{
	if (s->tx.data)
		s->ops->discard(s->arg);
	mem_free(s->tx.rcpts);
	s->tx = (struct transaction){0};
}

void session_secured(struct session *s)
{
	session_reset(s);
	s->tls = true;
	s->esmtp = false;
	s->helo[0] = '\0';
	s->authenticated = s->network_asked = s->submits = false;
	s->wait = WAIT_NONE;
	if (s->kind == SESSION_SUBMISSIONS)
		session_greet(s);
}

enum auth_result session_submits(struct session *s)
{
	enum auth_result r;

	if (s->submits || s->network_asked)
		return s->submits ? AUTH_OK : AUTH_WRONG;
	r = s->ops->network(s->arg, s->label, sizeof(s->label));
	s->network_asked = r == AUTH_OK || r == AUTH_WRONG;
	s->submits = r == AUTH_OK;
	return r;
}

/* content */

bool session_begin(struct session *s, char *refusal)
{
	s->tx.data = s->ops->begin(s->arg, s, refusal, SESSION_REFUSAL_SIZE);
	return s->tx.data;
}

const char *session_too_large(const struct session *s)
{
	static char text[96];

	snprintf(text, sizeof(text), "552 5.3.4 Message is larger than %llu bytes",
		 (unsigned long long)s->conf.message_size);
	return text;
}

static const char *content_refusal(const struct session *s)
{
	if (s->dots.bytes > s->conf.message_size)
		return session_too_large(s);
	if (s->dots.flags & DOTS_BARE_CR)
		return "550 5.5.2 Message has a CR without LF; lines end in CRLF";
	if ((s->dots.flags & DOTS_BARE_LF) && s->dots.policy == DOTS_STRICT)
		return "550 5.5.2 Message has a LF without CR; lines end in CRLF";
	if (s->dots.flags & DOTS_NUL)
		return "550 5.6.0 Message has a NUL byte";
	return NULL;
}

size_t session_content(struct session *s, struct span in)
{
	struct span rest = in, piece;

	while (rest.n && !dots_ended(&s->dots)) {
		rest = span_from(rest, dots_read(&s->dots, rest, &piece));
		if (piece.n && s->dots.bytes <= s->conf.message_size)
			s->ops->content(s->arg, piece);
	}
	return in.n - rest.n;
}

void session_finish(struct session *s)
{
	const char *refusal = content_refusal(s);

	s->state = STATE_COMMAND;
	s->wait = WAIT_COMMIT;
	s->tx.data = false;
	s->ops->finish(s->arg, s, refusal);
	if (refusal)
		session_reply(s, refusal);
}

static size_t data_input(struct session *s, struct span in)
{
	size_t used;

	if (s->chunk.on)
		return session_chunk(s, in);
	used = session_content(s, in);
	if (dots_ended(&s->dots))
		session_finish(s);
	return used;
}

void session_reply(struct session *s, const char *line)
{
	must(s->wait == WAIT_COMMIT);
	s->wait = WAIT_NONE;
	session_say(s, "%s", line);
	session_reset(s);
	if (line[0] == '2')
		s->junk = 0;
}

/* lines */

/* Length of the line without its CRLF; in.n when there is none yet. */
static size_t line_length(struct span in)
{
	for (size_t i = 1; i < in.n; i++)
		if (in.p[i] == '\n' && in.p[i - 1] == '\r')
			return i - 1;
	return in.n;
}

static bool has_odd_bytes(struct span line)
{
	return span_find(line, '\r') < line.n || span_find(line, '\n') < line.n ||
	       span_find(line, '\0') < line.n;
}

static bool is_bdat(const struct session *s, struct span line)
{
	return s->state == STATE_COMMAND && span_istarts(line, "BDAT");
}

static void take_line(struct session *s, struct span line)
{
	static const char odd[] = "500 5.5.2 Command has a CR, LF or NUL in it; lines end in CRLF";

	if (has_odd_bytes(line) && is_bdat(s, line)) {
		session_end(s, odd);
	} else if (has_odd_bytes(line)) {
		session_auth_stop(s);
		session_refuse(s, "%s", odd);
	} else if (s->state == STATE_AUTH) {
		session_auth_line(s, line);
	} else {
		session_command(s, line);
	}
}

/* The same reply however the line came: n is its length, or that of the part seen so far. */
static void refuse_long_line(struct session *s, size_t n)
{
	s->skipping = false;
	session_auth_stop(s);
	if (n > LIMIT_COMMAND_SKIP || s->skipped_bdat)
		session_end(s, "421 4.7.0 Line is far too long, closing");
	else
		session_refuse(s, "500 5.5.2 Line is longer than %d bytes", LIMIT_COMMAND_LINE);
}

/* Bytes of an overlong line that can be forgotten: all but a CR at the end. */
static size_t skip_input(struct session *s, struct span in)
{
	size_t n = line_length(in);
	bool ended = n < in.n;
	size_t used = ended ? n + 2 : in.n - (in.p[in.n - 1] == '\r');

	s->skipped += used;
	if (ended)
		refuse_long_line(s, s->skipped - 2);
	else if (s->skipped > LIMIT_COMMAND_SKIP)
		refuse_long_line(s, s->skipped);
	return used;
}

static size_t command_input(struct session *s, struct span in)
{
	size_t n;

	if (s->skipping)
		return skip_input(s, in);
	if (in.p[0] == 0x16 && !s->tls && !s->helo[0]) {
		session_end(s, "421 4.7.0 This port does not begin with TLS; use STARTTLS");
		return in.n;
	}
	n = line_length(in);
	s->skipped_bdat = is_bdat(s, in);
	if (n == in.n) {
		s->skipping = in.n > LIMIT_COMMAND_LINE;
		s->skipped = 0;
		return 0;
	}
	if (n + 2 > LIMIT_COMMAND_LINE) {
		refuse_long_line(s, n);
		return n + 2;
	}
	take_line(s, span_head(in, n));
	return n + 2;
}

size_t session_input(struct session *s, struct span in)
{
	struct span rest = in;

	while (rest.n && s->wait == WAIT_NONE && s->out.n < SESSION_OUT_PAUSE) {
		bool was_skipping = s->skipping;
		size_t said = s->out.n;
		size_t used = s->state == STATE_DATA ? data_input(s, rest) : command_input(s, rest);

		rest = span_from(rest, used);
		if (used == 0 && s->skipping == was_skipping)
			break;
		if (s->wait == WAIT_TLS && rest.n) {
			/* octets sent ahead of the handshake: CVE-2011-0411 */
			s->out.n = said;
			session_end(s, "554 5.5.1 Data was sent ahead of the TLS handshake");
		}
	}
	return in.n - rest.n;
}
