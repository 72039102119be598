/*
 * client.c - see client.h.
 *
 *	greeting  = 220 SP text CRLF
 *	ehlo-ok   = 250-greet 1*( 250-keyword *( SP param ) )		; RFC 5321 4.1.1.1
 *	auth      = "AUTH PLAIN" SP base64(NUL user NUL password)	; or LOGIN, in three steps
 *	mail      = "MAIL FROM:<" [ sender ] ">" [ SP "SIZE=" 1*DIGIT ] [ SP "BODY=8BITMIME" ]
 *		    [ SP "SMTPUTF8" ]
 *	rcpt      = "RCPT TO:<" rcpt ">"
 *
 * Commands sent and not yet replied to stand in expect[]; a whole reply goes to the handler of the
 * first.  After a refusal the replies still due are read (a 354 among them is ended by a lone dot,
 * RFC 2920 3.1); then the transaction is over.
 */
#include "deliverd/client.h"

#include <stdio.h>

#include "deliverd/client_parts.h"

enum command {
	BANNER,
	EHLO,
	HELO,
	STARTTLS,
	AUTH,
	AUTH_USER,
	AUTH_PASSWORD,
	RSET,
	MAIL,
	RCPT,
	DATA,
	DOT,
	LONE_DOT,
	COMMANDS
};

static void on_banner(struct client *c, const struct reply *r);
static void on_ehlo(struct client *c, const struct reply *r);
static void on_helo(struct client *c, const struct reply *r);
static void on_starttls(struct client *c, const struct reply *r);
static void on_auth(struct client *c, const struct reply *r);
static void on_auth_user(struct client *c, const struct reply *r);
static void on_auth_password(struct client *c, const struct reply *r);
static void on_rset(struct client *c, const struct reply *r);
static void on_mail(struct client *c, const struct reply *r);
static void on_rcpt(struct client *c, const struct reply *r);
static void on_data(struct client *c, const struct reply *r);
static void on_dot(struct client *c, const struct reply *r);
static void on_lone_dot(struct client *c, const struct reply *r);

static const struct {
	const char *stage;
	const char *waiting;
	void (*reply)(struct client *c, const struct reply *r);
} commands[COMMANDS] = {
	[BANNER] = {"banner", "waiting for the greeting", on_banner},
	[EHLO] = {"ehlo", "waiting for the reply to EHLO", on_ehlo},
	[HELO] = {"ehlo", "waiting for the reply to HELO", on_helo},
	[STARTTLS] = {"tls", "waiting for the reply to STARTTLS", on_starttls},
	[AUTH] = {"auth", "waiting for the reply to AUTH", on_auth},
	[AUTH_USER] = {"auth", "waiting for the reply to AUTH", on_auth_user},
	[AUTH_PASSWORD] = {"auth", "waiting for the reply to AUTH", on_auth_password},
	[RSET] = {"mail", "waiting for the reply to RSET", on_rset},
	[MAIL] = {"mail", "waiting for the reply to MAIL FROM", on_mail},
	[RCPT] = {"rcpt", "waiting for the reply to RCPT TO", on_rcpt},
	[DATA] = {"data", "waiting for the reply to DATA", on_data},
	[DOT] = {"dot", "waiting for the reply to the end of the message", on_dot},
	[LONE_DOT] = {"data", "ending the refused transaction", on_lone_dot},
};

static const char *doing(const struct client *c)
{
	if (c->early)
		return "reading a reply that was not asked for";
	if (c->want == CLIENT_START_TLS)
		return "starting TLS";
	if (c->want == CLIENT_CONTENT)
		return "sending the message";
	return c->expect_n ? commands[c->expect[0]].waiting : "preparing the message";
}

/* The stage of what is waited for now; it stays where the outcome was decided. */
static void note_stage(struct client *c)
{
	if (c->decided)
		return;
	if (c->expect_n)
		c->stage = commands[c->expect[0]].stage;
	else if (c->want == CLIENT_START_TLS)
		c->stage = "tls";
	else if (c->want == CLIENT_CONTENT)
		c->stage = "data";
	else if (c->want == CLIENT_READY)
		c->stage = "mail";
}

/* ends */

static void decide(struct client *c, enum outcome_kind kind, uint16_t code, const char *status,
		   struct span text)
{
	if (c->decided)
		return;
	c->decided = true;
	outcome_set(&c->outcome, kind, code, status, text);
}

/* The connection is of no use any more: no QUIT. */
static void drop(struct client *c, uint16_t code, const char *status, struct span text)
{
	if (c->want == CLIENT_CLOSE)
		return;
	if (c->dot_sent && !c->decided)
		c->uncertain = true;
	decide(c, OUTCOME_TEMP, code, status, text);
	buf_reset(&c->out);
	c->want = CLIENT_CLOSE;
}

static void drop_fmt(struct client *c, const char *status, const char *what, const char *more)
{
	struct buf text;

	buf_init(&text, OUTCOME_TEXT_MAX);
	buf_fmt(&text, "%s%s%.512s", what, *more ? ": " : "", more);
	drop(c, 0, status, buf_span(&text));
	buf_done(&text);
}

void client_quit(struct client *c)
{
	if (c->want == CLIENT_CLOSE)
		return;
	buf_str(&c->out, "QUIT\r\n");
	c->want = CLIENT_CLOSE;
}

/* The text of a reply on one line, after a few words of ours. */
static void reply_words(const struct reply *r, const char *before, struct buf *out)
{
	buf_init(out, LIMIT_REPLY_TEXT + 128);
	buf_str(out, before);
	buf_add(out, reply_text(r));
	for (size_t i = 0; i < out->n; i++)
		if (out->p[i] == '\n')
			out->p[i] = ' ';
}

static void decide_by(struct client *c, enum outcome_kind kind, const struct reply *r)
{
	char status[OUTCOME_STATUS_SIZE];
	struct buf text;

	reply_words(r, "", &text);
	client_status(r, kind, status);
	decide(c, kind, r->code, status, buf_span(&text));
	buf_done(&text);
}

static void unexpected(struct client *c, const struct reply *r, const char *before)
{
	struct buf text;

	reply_words(r, before, &text);
	drop(c, r->code, "4.5.0", buf_span(&text));
	buf_done(&text);
}

/* A reply that is not the wanted one: 4xx, 5xx, or nonsense.  hardest is what a 5xx means here. */
static void refused(struct client *c, const struct reply *r, enum outcome_kind hardest)
{
	if (r->code < 400) {
		unexpected(c, r, "the server's reply does not fit the command: ");
		return;
	}
	decide_by(c, r->code >= 500 ? hardest : OUTCOME_TEMP, r);
	if (r->code == 421) /* it closes now: nothing more will be answered */
		c->expect_n = 0;
}

static bool positive(const struct reply *r)
{
	return r->code >= 200 && r->code < 300;
}

/* commands */

static void expect(struct client *c, enum command cmd)
{
	must(c->expect_n < CLIENT_EXPECT_MAX);
	c->expect[c->expect_n++] = (uint8_t)cmd;
	c->want = CLIENT_READ;
}

static void send_hello(struct client *c, enum command cmd)
{
	c->ext = 0;
	buf_fmt(&c->out, "%s %.*s\r\n", cmd == EHLO ? "EHLO" : "HELO", SPAN_FMT(c->setup.helo));
	expect(c, cmd);
}

static void send_mail(struct client *c)
{
	buf_fmt(&c->out, "MAIL FROM:<%.*s>", SPAN_FMT(c->mail.sender));
	if (c->ext & CLIENT_SIZE)
		buf_fmt(&c->out, " SIZE=%llu", (unsigned long long)c->mail.size);
	if (c->mail.eight_bit)
		buf_str(&c->out, " BODY=8BITMIME");
	if (c->mail.utf8)
		buf_str(&c->out, " SMTPUTF8");
	buf_str(&c->out, "\r\n");
	expect(c, MAIL);
}

static void send_rcpt(struct client *c)
{
	buf_fmt(&c->out, "RCPT TO:<%.*s>\r\n", SPAN_FMT(c->mail.rcpt));
	expect(c, RCPT);
}

static void send_data(struct client *c)
{
	buf_str(&c->out, "DATA\r\n");
	expect(c, DATA);
}

/* replies */

static void on_banner(struct client *c, const struct reply *r)
{
	if (r->code == 220)
		send_hello(c, EHLO);
	else
		refused(c, r, OUTCOME_TEMP);
}

/* The server lacks, or refuses, what has to be before any mail. */
static void cannot_go_on(struct client *c, const char *status, const char *why)
{
	decide(c, OUTCOME_TEMP, 0, status, span_str(why));
}

static void add_secret(struct client *c, struct span s)
{
	client_base64(s, &c->out);
	c->secret = true;
}

static void authenticate(struct client *c)
{
	if (!c->secured && c->setup.tls != CLIENT_TLS_NONE) {
		cannot_go_on(c, "4.7.4",
			     "the relay wants a password and offers no TLS to send it by");
	} else if (c->ext & CLIENT_AUTH_PLAIN) {
		client_auth_plain(c->setup.user, c->setup.password, &c->out);
		c->secret = true;
		expect(c, AUTH);
	} else if (c->ext & CLIENT_AUTH_LOGIN) {
		buf_str(&c->out, "AUTH LOGIN\r\n");
		expect(c, AUTH_USER);
	} else {
		cannot_go_on(c, "4.7.0", "the relay offers neither AUTH PLAIN nor AUTH LOGIN");
	}
}

static void session_stands(struct client *c)
{
	bool tls = c->ext & CLIENT_STARTTLS && c->setup.tls != CLIENT_TLS_NONE;

	if (tls && !c->secured) {
		buf_str(&c->out, "STARTTLS\r\n");
		expect(c, STARTTLS);
	} else if (c->setup.tls == CLIENT_TLS_MUST && !c->secured) {
		cannot_go_on(c, "4.7.4",
			     "the server does not offer STARTTLS, which is required for it");
	} else if (c->setup.user.n && !c->authenticated) {
		authenticate(c);
	} else {
		c->want = CLIENT_READY;
	}
}

static void on_ehlo(struct client *c, const struct reply *r)
{
	if (r->code >= 500) {
		send_hello(c, HELO);
		return;
	}
	if (!positive(r)) {
		refused(c, r, OUTCOME_TEMP);
		return;
	}
	c->ext = client_extensions(r);
	session_stands(c);
}

static void on_helo(struct client *c, const struct reply *r)
{
	if (positive(r))
		session_stands(c);
	else
		refused(c, r, OUTCOME_TEMP);
}

/* Refused: on in clear, as if it had not been offered (opportunistic, RFC 7435). */
static void on_starttls(struct client *c, const struct reply *r)
{
	if (r->code == 220) {
		c->want = CLIENT_START_TLS;
	} else if (r->code >= 400 && r->code != 421) {
		c->ext &= ~(unsigned)CLIENT_STARTTLS;
		session_stands(c);
	} else {
		refused(c, r, OUTCOME_TEMP);
	}
}

/* Its text is not told: it may repeat what was sent. */
static void auth_refused(struct client *c, const struct reply *r)
{
	char status[OUTCOME_STATUS_SIZE];

	client_status(r, OUTCOME_TEMP, status);
	decide(c, OUTCOME_TEMP, r->code, status, SPAN_LIT("the relay refuses user and password"));
	c->expect_n = 0;
}

static void on_auth(struct client *c, const struct reply *r)
{
	if (positive(r)) {
		c->authenticated = true;
		session_stands(c);
	} else {
		auth_refused(c, r);
	}
}

/* 334: the next step */
static void on_auth_user(struct client *c, const struct reply *r)
{
	if (r->code != 334) {
		auth_refused(c, r);
		return;
	}
	add_secret(c, c->setup.user);
	expect(c, AUTH_PASSWORD);
}

static void on_auth_password(struct client *c, const struct reply *r)
{
	if (r->code != 334) {
		auth_refused(c, r);
		return;
	}
	add_secret(c, c->setup.password);
	expect(c, AUTH);
}

/* A server that cannot forget a transaction must not get another. */
static void on_rset(struct client *c, const struct reply *r)
{
	if (!positive(r)) {
		refused(c, r, OUTCOME_TEMP);
		c->expect_n = 0;
		c->stands = false;
		c->reset_refused = true;
	} else if (!(c->ext & CLIENT_PIPELINING)) {
		send_mail(c);
	}
}

static void on_mail(struct client *c, const struct reply *r)
{
	if (!positive(r))
		refused(c, r, OUTCOME_PERM);
	else if (!(c->ext & CLIENT_PIPELINING))
		send_rcpt(c);
}

static void on_rcpt(struct client *c, const struct reply *r)
{
	if (!positive(r))
		refused(c, r, OUTCOME_PERM);
	else if (!(c->ext & CLIENT_PIPELINING))
		send_data(c);
}

static void on_data(struct client *c, const struct reply *r)
{
	if (r->code != 354) {
		refused(c, r, OUTCOME_PERM);
	} else if (c->decided) {
		buf_str(&c->out, ".\r\n");
		expect(c, LONE_DOT);
	} else {
		c->want = CLIENT_CONTENT;
	}
}

static void on_dot(struct client *c, const struct reply *r)
{
	c->reset = false; /* it ends the transaction, whatever it says */
	if (positive(r))
		decide_by(c, OUTCOME_DONE, r);
	else
		refused(c, r, OUTCOME_PERM);
}

static void on_lone_dot(struct client *c, const struct reply *r)
{
	(void)c;
	(void)r; /* nothing was to be delivered */
}

/* input */

static void whole_reply(struct client *c, const struct reply *r)
{
	enum command cmd;

	c->replies++;
	if (c->early) {
		unexpected(c, r, "the server replied before it was asked: ");
		return;
	}
	cmd = c->expect[0];
	c->expect_n--;
	memmove(c->expect, c->expect + 1, c->expect_n);
	commands[cmd].reply(c, r);
	note_stage(c);
	if (!c->decided || c->expect_n || c->want == CLIENT_CLOSE)
		return;
	if (c->stands && c->outcome.code != 421)
		c->want = CLIENT_DONE;
	else
		client_quit(c);
}

/* Input that answers nothing.  Ahead of TLS it is an attack; else one reply is read, to be told. */
static void not_asked_for(struct client *c)
{
	if (c->decided) { /* that stands; the session is of no use any more */
		drop_fmt(c, "4.5.0", "the server said more than it was asked", "");
		return;
	}
	if (c->want == CLIENT_START_TLS) {
		drop_fmt(c, "4.5.0", "the server sent more than its reply to STARTTLS", "");
		return;
	}
	c->early = true;
	c->want = CLIENT_READ;
	c->expect_n = 0;
	buf_reset(&c->out);
}

void client_input(struct client *c, struct span in)
{
	while (in.n && c->want != CLIENT_CLOSE) {
		enum reply_status status;
		size_t used;

		if (!c->early && (c->expect_n == 0 || c->out.n)) {
			not_asked_for(c);
			continue;
		}
		status = reply_feed(&c->reader, in, &used);
		in = span_from(in, used);
		if (status == REPLY_DONE)
			whole_reply(c, &c->reader.reply);
		else if (status == REPLY_ERROR)
			drop_fmt(c, "4.5.0", "the server's reply is malformed",
				 reply_error(c->reader.error));
	}
}

/* events */

void client_init(struct client *c, const struct client_setup *setup)
{
	*c = (struct client){.setup = *setup};
	buf_init(&c->out, CLIENT_OUT_MAX);
	reply_init(&c->reader);
	expect(c, BANNER);
	note_stage(c);
}

void client_done(struct client *c)
{
	buf_done(&c->out);
}

void client_secured(struct client *c)
{
	must(c->want == CLIENT_START_TLS);
	c->secured = true;
	c->ext = 0;
	reply_init(&c->reader);
	send_hello(c, EHLO);
	note_stage(c);
}

void client_tls_failed(struct client *c, const char *why)
{
	drop_fmt(c, "4.7.0", "the TLS handshake failed", why);
}

void client_not_trusted(struct client *c, const char *why)
{
	drop_fmt(c, "4.7.5", "the server's certificate does not prove its name", why);
}

/* The server lacks what this message needs. */
static void cannot_take(struct client *c, const char *status, const char *why)
{
	c->stage = "ehlo"; /* it is its reply to EHLO that decides */
	decide(c, OUTCOME_PERM, 0, status, span_str(why));
	c->want = CLIENT_DONE;
}

void client_next(struct client *c)
{
	must(c->want == CLIENT_READY || c->want == CLIENT_DONE);
	c->decided = c->dot_sent = c->uncertain = false;
	c->want = CLIENT_READY;
	note_stage(c);
}

static void begin(struct client *c)
{
	bool pipelining = c->ext & CLIENT_PIPELINING, reset = c->reset;

	c->reset = true;
	if (reset) {
		buf_str(&c->out, "RSET\r\n");
		expect(c, RSET);
	}
	if (!reset || pipelining)
		send_mail(c);
	if (pipelining) {
		send_rcpt(c);
		send_data(c);
	}
}

void client_mail(struct client *c, const struct client_mail *mail)
{
	must(c->want == CLIENT_READY || c->want == CLIENT_DONE);
	client_next(c);
	c->stands = true;
	c->mail = *mail;
	c->mail.utf8 = mail->utf8 || !span_is_ascii(mail->sender) || !span_is_ascii(mail->rcpt);
	if (c->mail.utf8 && !(c->ext & CLIENT_SMTPUTF8)) {
		cannot_take(c, "5.6.7",
			    "the receiving server does not take internationalised mail "
			    "(SMTPUTF8)");
		return;
	}
	if (mail->eight_bit && !(c->ext & CLIENT_8BITMIME)) {
		cannot_take(c, "5.6.3", "the receiving server does not take 8-bit mail");
		return;
	}
	begin(c);
	must(buf_ok(&c->out));
	note_stage(c);
}

void client_dot_sent(struct client *c)
{
	must(c->want == CLIENT_CONTENT);
	c->dot_sent = true;
	expect(c, DOT);
	note_stage(c);
}

void client_lost(struct client *c, const char *why)
{
	char what[128];

	snprintf(what, sizeof(what), "the connection was lost while %s", doing(c));
	drop_fmt(c, "4.4.2", what, why);
}

void client_timeout(struct client *c)
{
	char what[128];

	snprintf(what, sizeof(what), "timed out while %s", doing(c));
	drop_fmt(c, "4.4.2", what, "");
}

enum client_deadline client_deadline(const struct client *c)
{
	if (c->dot_sent)
		return CLIENT_DOT_TIME;
	if (c->want == CLIENT_CONTENT)
		return CLIENT_BLOCK_TIME;
	return c->expect_n && c->expect[0] == DATA ? CLIENT_DATA_TIME : CLIENT_REPLY_TIME;
}
