/*
 * session_test.c - the sessions of tests/transcripts/smtpd (their form is in the README there),
 * each whole, byte by byte and at random splits: equal replies, equal messages.
 *
 * This file plays the driver, that is listener.c and intake.c: it answers messages and AUTH,
 * sometimes inside finish() and auth() and sometimes later, and says what only a driver says
 * (time-out, stopping).
 * tests/e2e/smtpd.py plays the same files against the daemon.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <stdio.h>

#include "common/proc.h"
#include "smtpd/session.h"

enum { ROUNDS = 16, FILE_MAX = 65536, TEXT_MAX = 16 * 1024 * 1024, MESSAGES_MAX = 8 };

static const char folder[] = "tests/transcripts/smtpd";

/* as tests/e2e/smtpd.py configures the daemon */
static const struct session_conf conf = {.hostname = "mail.sandbox.test",
					 .message_size = 409600,
					 .recipients = 100,
					 .auth_failures = 5,
					 .errors = 20};

static const struct {
	const char *name, *text;
} macros[] = {
	{"plain", "AHNhbmRib3gvc2FuZGJveABzZWNyZXQ="}, /* NUL sandbox/sandbox NUL secret */
	{"user", "c2FuZGJveC9zYW5kYm94"},
	{"secret", "c2VjcmV0"},
};

/* How to get from each level to the next; "!" is the handshake. */
static const struct level {
	const char *name, *say;
	bool tls;
} levels[] = {
	{"clear", NULL, false},
	{"ehlo", "EHLO client.test\r\n", false},
	{"tls", "STARTTLS\r\n", true},
	{"auth", "AUTH PLAIN AHNhbmRib3gvc2FuZGJveABzZWNyZXQ=\r\n", false},
	{"mail", "MAIL FROM:<a@sandbox.test>\r\n", false},
	{"rcpt", "RCPT TO:<b@to.test>\r\n", false},
	{"data", "DATA\r\n", false},
};

struct message {
	struct buf envelope, content;
};

struct play {
	const char *file;
	unsigned line;
	unsigned round; /* 0: whole, 1: byte by byte, then random */
	uint64_t random;
	enum session_kind kind;
	struct session_conf conf;
	bool once, daemon_only;
	struct session session;
	bool begun, gone, stopping, ended;
	struct buf in;	/* written by the client, not yet taken */
	struct buf out; /* said by the session, not yet expected */
	/* what the driver will say */
	char answer[256], full[256];
	bool auth_down, auth_throttled, network_down;
	enum auth_result auth_later; /* what will be answered in WAIT_AUTH */
	bool network;		     /* the client's address may submit */
	unsigned network_asked;
	/* messages */
	struct message messages[MESSAGES_MAX];
	size_t count, shown;
	bool open;	   /* messages[count] is being written */
	struct buf expect; /* "> " lines */
	bool expecting;
};

static void complain(const struct play *p, const char *what, struct span got)
{
	got = span_head(got, 200);
	fail_msg("%s:%u (round %u): %s; got \"%.*s\"", p->file, p->line, p->round, what,
		 SPAN_FMT(got));
}

/* the text of a line */

/* {N*text} and {macro}, then escapes. */
static void expand(const struct play *p, struct span s, struct buf *out)
{
	while (s.n) {
		struct span head = span_cut(&s, '{'), inner;
		uint64_t times;

		buf_add(out, head);
		if (!s.n)
			break;
		inner = span_cut(&s, '}');
		struct span text = inner, number = span_cut(&text, '*');
		if (span_u64(number, 1000000, &times) == 0) {
			while (times-- > 0)
				buf_add(out, text);
			continue;
		}
		size_t i = 0;
		while (i < ARRAY_LEN(macros) && !span_eq_str(inner, macros[i].name))
			i++;
		if (i == ARRAY_LEN(macros))
			complain(p, "no such macro", inner);
		buf_str(out, macros[i].text);
	}
}

static uint8_t unescape_one(struct span *s)
{
	uint8_t c = s->p[0];
	size_t used = 1;

	if (c == '\\' && s->n > 1) {
		used = 2;
		c = s->p[1] == 'r' ? '\r' : s->p[1] == 'n' ? '\n' : s->p[1];
		if (c == '0')
			c = 0;
		if (c == 'x' && hex_decode(span_head(span_from(*s, 2), 2), &c, 1) == 0)
			used = 4;
	}
	*s = span_from(*s, used);
	return c;
}

static void text_of(const struct play *p, struct span line, bool crlf, struct buf *out)
{
	struct buf expanded;
	struct span rest;

	buf_init(&expanded, TEXT_MAX);
	expand(p, line, &expanded);
	rest = buf_span(&expanded);
	while (rest.n)
		buf_byte(out, unescape_one(&rest));
	if (crlf)
		buf_str(out, "\r\n");
	assert_true(buf_ok(&expanded) && buf_ok(out));
	buf_done(&expanded);
}

/* the driver */

static enum auth_result auth_result(struct play *p, struct span secret)
{
	bool down = p->auth_down, throttled = p->auth_throttled;

	p->auth_down = p->auth_throttled = false;
	if (down || throttled)
		return down ? AUTH_UNAVAILABLE : AUTH_THROTTLED;
	return span_eq_str(secret, "secret") ? AUTH_OK : AUTH_WRONG;
}

static enum auth_result on_auth(void *arg, struct span user, struct span secret, char *label_out,
				size_t label_size)
{
	struct play *p = arg;
	enum auth_result r = auth_result(p, secret);

	(void)user;
	if (r == AUTH_OK)
		snprintf(label_out, label_size, "sandbox/sandbox");
	if (p->round % 2)
		return r;
	p->auth_later = r;
	return AUTH_LATER;
}

static enum auth_result on_cram(void *arg, struct span user, struct span challenge,
				const uint8_t digest[16], char *label_out, size_t label_size)
{
	uint8_t want[EVP_MAX_MD_SIZE];

	HMAC(EVP_md5(), "secret", 6, challenge.p, challenge.n, want, NULL);
	if (!span_eq_str(user, "sandbox/sandbox") || memcmp(want, digest, 16) != 0)
		return AUTH_WRONG;
	return on_auth(arg, user, SPAN_LIT("secret"), label_out, label_size);
}

static void on_unique(void *arg, char out[SESSION_UNIQUE_SIZE])
{
	(void)arg;
	snprintf(out, SESSION_UNIQUE_SIZE, "0123456789abcdef0123.1795459472");
}

static enum auth_result on_network(void *arg, char *label_out, size_t label_size)
{
	struct play *p = arg;
	bool down = p->network_down;

	p->network_down = false;
	if (down)
		return AUTH_UNAVAILABLE;
	assert_int_equal(p->network_asked++, 0);
	if (!p->network)
		return AUTH_WRONG;
	snprintf(label_out, label_size, "sandbox/sandbox");
	return AUTH_OK;
}

static bool on_begin(void *arg, const struct session *s, char *refusal, size_t size)
{
	struct play *p = arg;
	struct message *m = &p->messages[p->count];

	assert_false(p->open);
	if (p->full[0]) {
		snprintf(refusal, size, "%s", p->full);
		p->full[0] = '\0';
		return false;
	}
	assert_true(p->count < MESSAGES_MAX);
	p->open = true;
	buf_init(&m->envelope, TEXT_MAX);
	buf_init(&m->content, TEXT_MAX);
	buf_fmt(&m->envelope, "<%s>", s->tx.sender.s);
	for (size_t i = 0; i < s->tx.rcpt_count; i++)
		buf_fmt(&m->envelope, " <%s>", s->tx.rcpts[i].s);
	return true;
}

static void on_content(void *arg, struct span piece)
{
	struct play *p = arg;

	assert_true(p->open);
	buf_add(&p->messages[p->count].content, piece);
	assert_true(p->messages[p->count].content.n <= conf.message_size);
}

static void on_discard(void *arg)
{
	struct play *p = arg;

	assert_true(p->open);
	p->open = false;
	buf_done(&p->messages[p->count].envelope);
	buf_done(&p->messages[p->count].content);
}

static void answer(struct play *p)
{
	if (p->answer[0]) {
		on_discard(p);
		session_reply(&p->session, p->answer);
		p->answer[0] = '\0';
		return;
	}
	p->open = false;
	p->count++;
	session_reply(&p->session, "250 2.0.0 Ok: queued as 1");
}

static void on_finish(void *arg, const struct session *s, const char *refusal)
{
	struct play *p = arg;

	assert_true(p->open && s->wait == WAIT_COMMIT);
	if (refusal)
		on_discard(p);
	else if (p->round % 2)
		answer(p);
}

static const struct session_ops ops = {.auth = on_auth,
				       .cram = on_cram,
				       .unique = on_unique,
				       .network = on_network,
				       .begin = on_begin,
				       .content = on_content,
				       .finish = on_finish,
				       .discard = on_discard};

/* What a driver does after each call of the machine. */
static void pump(struct play *p)
{
	struct session *s = &p->session;

	if (s->wait == WAIT_COMMIT)
		answer(p);
	else if (s->wait == WAIT_AUTH)
		session_auth_answer(s, p->auth_later);
	if (p->stopping && s->wait == WAIT_NONE && !session_in_message(s))
		session_end(s, "421 4.3.2 Service is being restarted, try again");
	assert_true(buf_ok(&s->out));
	buf_add(&p->out, buf_span(&s->out));
	buf_reset(&s->out);
}

static size_t step_of(struct play *p, size_t most)
{
	p->random = p->random * 6364136223846793005U + 1442695040888963407U;
	if (p->round == 0)
		return most;
	return p->round == 1 ? 1 : 1 + (p->random >> 33) % most;
}

static void lose(struct play *p)
{
	session_done(&p->session);
	p->gone = true;
	assert_false(p->open);
}

/* All that the client has written arrives. */
static void arrive(struct play *p)
{
	struct span rest = buf_span(&p->in);
	size_t shown = 0, used = 1;

	while (rest.n && !p->gone && p->session.wait == WAIT_NONE && (used || shown < rest.n)) {
		if (!used || !shown)
			shown += step_of(p, rest.n - shown);
		used = session_input(&p->session, span_head(rest, shown));
		assert_true(used <= shown);
		pump(p);
		rest = span_from(rest, used);
		shown -= used;
	}
	/* as stream.c does */
	if (rest.n && !p->gone && p->session.wait == WAIT_TLS)
		lose(p);
	if (p->gone || p->session.wait == WAIT_CLOSE)
		rest.n = 0;
	buf_drop(&p->in, p->in.n - rest.n);
}

static void begin(struct play *p)
{
	p->begun = true;
	session_init(&p->session, p->kind, &p->conf, &ops, p);
	if (p->kind == SESSION_SUBMISSIONS)
		session_secured(&p->session);
	else
		session_greet(&p->session);
	pump(p);
}

/* No recipient gets past the MX door yet: put one there, to see what DATA will be like. */
static void add_inbound_rcpt(struct play *p)
{
	struct transaction *tx = &p->session.tx;

	tx->rcpts = mem_alloc(sizeof(*tx->rcpts));
	assert_int_equal(addr_parse(SPAN_LIT("b@to.test"), &tx->rcpts[0]), 0);
	tx->rcpt_count = tx->rcpt_cap = 1;
}

static void go_to(struct play *p, struct span name)
{
	size_t i = 0;

	for (; i < ARRAY_LEN(levels); i++) {
		const struct level *l = &levels[i];
		bool skip = (l->tls && p->kind != SESSION_SUBMISSION) ||
			    (p->kind == SESSION_MX && strcmp(l->name, "auth") == 0);

		if (p->kind == SESSION_MX && strcmp(l->name, "rcpt") == 0) {
			add_inbound_rcpt(p);
		} else if (l->say && !skip) {
			buf_str(&p->in, l->say);
			arrive(p);
			assert_true(span_istarts(buf_span(&p->out), "2") ||
				    span_istarts(buf_span(&p->out), "3"));
		}
		if (l->tls && !skip) {
			session_secured(&p->session);
			buf_str(&p->in, "EHLO client.test\r\n");
			arrive(p);
		}
		if (i)
			buf_reset(&p->out);
		if (span_eq_str(name, l->name))
			return;
	}
	complain(p, "no such level", name);
}

/* the lines of a file */

/* What was known of the client is forgotten, so its address may be asked about anew. */
static void secured(struct play *p)
{
	p->network_asked = 0;
	session_secured(&p->session);
}

static void end_session(struct play *p, struct span reply)
{
	char line[256];

	assert_int_equal(span_cstr(reply, line, sizeof(line)), 0);
	session_end(&p->session, line);
}

static void event(struct play *p, struct span line)
{
	struct span text = line, name = span_cut(&text, ' ');
	struct session *s = &p->session;

	if (span_eq_str(name, "tls") && s->wait == WAIT_TLS)
		secured(p);
	else if (span_eq_str(name, "tls-failed") && s->wait == WAIT_TLS)
		lose(p);
	else if (span_eq_str(name, "lost"))
		lose(p);
	else if (span_eq_str(name, "timeout"))
		session_end(s, "421 4.4.2 Nothing came for too long, closing");
	else if (span_eq_str(name, "stop"))
		p->stopping = true;
	else if (span_eq_str(name, "end"))
		end_session(p, text);
	else if (span_eq_str(name, "auth-down"))
		p->auth_down = true;
	else if (span_eq_str(name, "network"))
		p->network = true;
	else if (span_eq_str(name, "network-down"))
		p->network_down = true;
	else if (span_eq_str(name, "throttled"))
		p->auth_throttled = true;
	else if (span_eq_str(name, "answer"))
		assert_int_equal(span_cstr(text, p->answer, sizeof(p->answer)), 0);
	else if (span_eq_str(name, "full"))
		assert_int_equal(span_cstr(text, p->full, sizeof(p->full)), 0);
	else
		complain(p, "this cannot happen here", line);
	if (!p->gone)
		pump(p);
}

static void expect_reply(struct play *p, struct span want)
{
	struct span out = buf_span(&p->out), line;
	size_t n = span_find(out, '\n');
	bool open_end = want.n && want.p[want.n - 1] == '*';

	if (n == out.n || n == 0 || out.p[n - 1] != '\r')
		complain(p, "the server did not say this", out);
	line = span_head(out, n - 1);
	if (open_end)
		want.n--;
	if (!span_eq(open_end ? span_head(line, want.n) : line, want))
		complain(p, "the server said something else", line);
	buf_drop(&p->out, n + 1);
}

/* "S: text" or "S*N: text" */
static void expect_replies(struct play *p, struct span line)
{
	struct span text = line, head = span_cut(&text, ':');
	uint64_t times = 1;

	if (head.n > 1)
		assert_int_equal(span_u64(span_from(head, 2), 1000, &times), 0);
	while (times-- > 0)
		expect_reply(p, span_from(text, 1));
}

static void expect_end(struct play *p, struct span how)
{
	const struct session *s = &p->session;
	bool closed = p->gone || s->wait == WAIT_CLOSE;

	if (p->out.n)
		complain(p, "the server said more", buf_span(&p->out));
	if (p->shown != p->count)
		complain(p, "a message was accepted that the file does not show", how);
	if (closed != span_eq_str(how, "closed"))
		complain(p, "the session has not ended like this", how);
	if (!closed)
		assert_true(s->wait == WAIT_NONE && s->state == STATE_COMMAND && !s->skipping &&
			    !p->in.n);
	p->ended = true;
}

static void expect_message(struct play *p, struct span envelope)
{
	struct buf want;

	if (p->shown == p->count)
		complain(p, "no message was accepted", envelope);
	buf_init(&want, TEXT_MAX);
	text_of(p, envelope, false, &want);
	if (!span_eq(buf_span(&want), buf_span(&p->messages[p->shown].envelope)))
		complain(p, "another envelope", buf_span(&p->messages[p->shown].envelope));
	buf_done(&want);
	p->expecting = true;
}

static void end_of_message(struct play *p)
{
	struct message *m = &p->messages[p->shown++];

	if (!span_eq(buf_span(&p->expect), buf_span(&m->content)))
		complain(p, "another content", buf_span(&m->content));
	buf_reset(&p->expect);
	p->expecting = false;
}

static void directive(struct play *p, struct span line)
{
	struct span text = line, word = span_cut(&text, ' ');

	if (span_eq_str(word, "kind"))
		p->kind = span_eq_str(text, "mx")	     ? SESSION_MX
			  : span_eq_str(text, "submissions") ? SESSION_SUBMISSIONS
							     : SESSION_SUBMISSION;
	else if (span_eq_str(line, "conf cram"))
		p->conf.cram = true;
	else if (span_eq_str(line, "conf auth_clear"))
		p->conf.auth_clear = true;
	else if (span_eq_str(line, "conf mx_auth"))
		p->conf.mx_auth = true;
	else if (span_eq_str(word, "once"))
		p->once = true;
	else if (span_eq_str(line, "only daemon"))
		p->daemon_only = true;
	else if (span_eq_str(word, "at"))
		go_to(p, text);
	else if (!span_eq_str(line, "only pure"))
		complain(p, "this line means nothing", line);
}

static void play_line(struct play *p, struct span line)
{
	struct span text = span_from(line, line.n > 2 && line.p[2] == ' ' ? 3 : 2);
	bool crlf = line.n < 2 || line.p[1] != '-';
	uint8_t what = line.n ? line.p[0] : '#';

	if (what == '#' || p->daemon_only)
		return;
	if (p->expecting && what != '>')
		end_of_message(p);
	/* a word is a directive; of those only "at" needs a session */
	if (!p->begun && (line.n < 2 || !ascii_alpha(line.p[1]) || span_istarts(line, "at ")))
		begin(p);
	if (what == 'C') {
		text_of(p, text, crlf, &p->in);
		return;
	}
	if (p->begun)
		arrive(p);
	if (what == 'S')
		expect_replies(p, line);
	else if (what == 'M')
		expect_message(p, text);
	else if (what == '>')
		text_of(p, span_from(line, crlf ? 2 : 3), crlf, &p->expect);
	else if (what == '=')
		expect_end(p, span_from(line, 2));
	else if (what == '!')
		event(p, span_from(line, 2));
	else
		directive(p, line);
}

static void play_done(struct play *p)
{
	if (p->begun && !p->gone)
		session_done(&p->session);
	for (size_t i = 0; i < p->count; i++) {
		buf_done(&p->messages[i].envelope);
		buf_done(&p->messages[i].content);
	}
	buf_done(&p->expect);
	buf_done(&p->in);
	buf_done(&p->out);
}

/* Were there other rounds to play? */
static bool play(const char *file, struct span text, unsigned round)
{
	struct play p = {.file = file, .round = round, .random = round, .conf = conf};
	struct span line = span_cut(&text, '\n');
	bool more;

	p.kind = SESSION_SUBMISSION;
	buf_init(&p.in, TEXT_MAX);
	buf_init(&p.out, TEXT_MAX);
	buf_init(&p.expect, TEXT_MAX);
	for (p.line = 1; text.n || line.n; p.line++) {
		play_line(&p, line);
		line = span_cut(&text, '\n');
	}
	if (!p.ended && !p.daemon_only)
		complain(&p, "no line says how it ends", text);
	more = !p.once && !p.daemon_only;
	play_done(&p);
	return more;
}

/* Calls fn with the name and the content of each file in folder that ends like this. */
static unsigned each_file(const char *from, const char *suffix,
			  void (*fn)(const char *name, struct span text, void *arg), void *arg)
{
	DIR *d = opendir(from);
	struct dirent *e;
	unsigned count = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		char path[512];
		struct buf text;
		size_t n = strlen(e->d_name), end = strlen(suffix);

		if (n < end || strcmp(e->d_name + n - end, suffix) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", from, e->d_name);
		assert_int_equal(file_read(path, FILE_MAX, &text), 0);
		fn(path, buf_span(&text), arg);
		buf_done(&text);
		count++;
	}
	closedir(d);
	return count;
}

static void play_all_rounds(const char *path, struct span text, void *arg)
{
	(void)arg;
	for (unsigned round = 0; round < ROUNDS && play(path, text, round); round++)
		;
}

static void every_transcript_ends_as_it_says(void **state)
{
	(void)state;
	assert_true(each_file(folder, ".t", play_all_rounds, NULL) > 80);
}

/* does a transcript show each reply? */

static void gather_replies(const char *path, struct span text, void *arg)
{
	(void)path;
	while (text.n) {
		struct span line = span_cut(&text, '\n');

		if (span_istarts(line, "S:") || span_istarts(line, "S*")) {
			span_cut(&line, ' ');
			buf_add(arg, line);
			buf_byte(arg, '\n');
		}
	}
}

/* Does line begin with format, any text in the place of each conversion? */
static bool begins_like(struct span line, struct span format)
{
	while (format.n && format.p[0] != '%') {
		if (!line.n || line.p[0] != format.p[0])
			return false;
		line = span_from(line, 1);
		format = span_from(format, 1);
	}
	if (!format.n)
		return true;
	do
		format = span_from(format, 1);
	while (format.n && (format.p[0] == 'l' || format.p[0] == '.'));
	format = span_from(format, 1);
	for (; line.n; line = span_from(line, 1))
		if (begins_like(line, format))
			return true;
	return !format.n;
}

static bool is_shown(struct span format, struct span shown)
{
	while (shown.n)
		if (begins_like(span_cut(&shown, '\n'), format))
			return true;
	return false;
}

struct sources {
	struct buf shown;
	unsigned replies, missing;
};

/* Each string literal that begins with a reply code and a blank or hyphen. */
static void check_source(const char *path, struct span text, void *arg)
{
	struct sources *all = arg;
	size_t n = strlen(path);

	if (n > 7 && strcmp(path + n - 7, "_test.c") == 0)
		return;
	for (size_t i = 0; i + 5 < text.n; i++) {
		struct span s = span_from(text, i + 1);

		if (text.p[i] != '"' || s.p[0] < '2' || s.p[0] > '5' || !ascii_digit(s.p[1]) ||
		    !ascii_digit(s.p[2]) || (s.p[3] != ' ' && s.p[3] != '-'))
			continue;
		s = span_head(s, size_min(span_find(s, '"'), span_find(s, '\\')));
		all->replies++;
		if (is_shown(s, buf_span(&all->shown)))
			continue;
		all->missing++;
		print_message("%s: no transcript shows \"%.*s\"\n", path, SPAN_FMT(s));
	}
}

static void every_reply_is_in_a_transcript(void **state)
{
	struct sources all = {.replies = 0};

	(void)state;
	buf_init(&all.shown, TEXT_MAX);
	each_file(folder, ".t", gather_replies, &all.shown);
	assert_true(buf_ok(&all.shown));
	each_file("smtpd", ".c", check_source, &all);
	buf_done(&all.shown);
	assert_true(all.replies > 60);
	assert_int_equal(all.missing, 0);
}

/* memory */

static void who_reads_no_replies_is_not_listened_to(void **state)
{
	static const struct span first = SPAN_LIT("EHLO a\r\nMAIL FROM:<a@sandbox.test>\r\n");
	struct play p = {.file = "rcpt", .network = true};
	struct buf flood;
	size_t used;

	(void)state;
	buf_init(&flood, TEXT_MAX);
	for (unsigned i = 0; i < 100000; i++)
		buf_str(&flood, "RCPT TO:<b@to.test>\r\n");
	session_init(&p.session, SESSION_SUBMISSION, &conf, &ops, &p);
	assert_int_equal(session_input(&p.session, first), first.n);
	used = session_input(&p.session, buf_span(&flood));
	assert_true(used < flood.n);
	assert_true(buf_ok(&p.session.out));
	assert_true(p.session.out.cap <= 16 * 1024);
	assert_int_equal(session_input(&p.session, span_from(buf_span(&flood), used)), 0);
	buf_reset(&p.session.out);
	assert_true(session_input(&p.session, span_from(buf_span(&flood), used)) > 0);
	session_done(&p.session);
	buf_done(&flood);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_transcript_ends_as_it_says),
		cmocka_unit_test(every_reply_is_in_a_transcript),
		cmocka_unit_test(who_reads_no_replies_is_not_listened_to),
	};

	assert_true(sodium_init() >= 0);
	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
