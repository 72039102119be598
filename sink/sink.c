/*
 * sink.c - the commands of the receiving end.
 *
 *	ehlo     = "EHLO" SP ( Domain / address-literal ) CRLF		; RFC 5321 4.1.1.1
 *	helo     = "HELO" SP Domain CRLF
 *	starttls = "STARTTLS" CRLF					; RFC 3207 4
 *	mail     = "MAIL FROM:" Reverse-path [ SP "SIZE=" 1*20DIGIT ]
 *		   [ SP "BODY=" ( "7BIT" / "8BITMIME" ) ]		; RFC 1870, RFC 6152
 *		   [ SP "SMTPUTF8" ] CRLF				; RFC 6531
 *	rcpt     = "RCPT TO:" ( "<Postmaster>" / Forward-path ) CRLF
 *	data     = "DATA" CRLF
 *	rset     = "RSET" CRLF
 *	noop     = "NOOP" [ SP String ] CRLF
 *	vrfy     = "VRFY" SP String CRLF
 *	quit     = "QUIT" CRLF
 *
 * Verbs in either case; blanks after "FROM:" and "TO:" are let through, as everywhere.  A line
 * that ends in a bare LF is refused, because it is one end of a smuggled command.
 */
#include "sink/sink.h"

#include <stdarg.h>
#include <stdio.h>

void sink_init(struct sink *s, const char *name, const char *peer)
{
	*s = (struct sink){.name = name, .size_max = SINK_SIZE_MAX, .pending = SINK_WAIT};
	snprintf(s->peer, sizeof(s->peer), "%s", peer);
	buf_init(&s->out, SINK_OUT_MAX);
	buf_fmt(&s->out, "220 %s ESMTP Posthaste sink\r\n", name);
}

/* Ends the transaction, however it ended. */
static void transaction_reset(struct sink *s)
{
	mem_free(s->rcpts);
	s->rcpts = NULL;
	s->rcpt_count = s->rcpt_cap = 0;
	s->mail = s->utf8 = false;
	s->sender = (struct addr){.n = 0};
	s->failure = 0;
	if (s->at == SINK_AT_DATA)
		s->at = SINK_AT_COMMAND;
}

void sink_done(struct sink *s)
{
	transaction_reset(s);
	buf_done(&s->out);
}

static enum sink_action reply(struct sink *s, const char *text)
{
	buf_str(&s->out, text);
	buf_str(&s->out, "\r\n");
	if (text[0] == '5')
		s->errors++;
	return SINK_GO;
}

static enum sink_action hang_up(struct sink *s, const char *text)
{
	s->at = SINK_AT_END;
	reply(s, text);
	return SINK_CLOSE;
}

/* What keeps a client from saying this now; NULL: nothing. */
static const char *out_of_order(const struct sink *s, bool needs_mail)
{
	if (!s->helo[0])
		return "503 5.5.1 Say EHLO first";
	if (needs_mail && !s->mail)
		return "503 5.5.1 Say MAIL first";
	return NULL;
}

/* A host name or an address literal, as far as it can stand in a Received field. */
static bool helo_fits(struct span arg)
{
	if (arg.n == 0 || arg.n >= SINK_HELO_SIZE)
		return false;
	for (size_t i = 0; i < arg.n; i++)
		if (!ascii_alnum(arg.p[i]) && !memchr(".-_[]:", arg.p[i], 6))
			return false;
	return true;
}

static bool greet(struct sink *s, struct span arg, bool esmtp)
{
	if (!helo_fits(arg) || span_cstr(arg, s->helo, sizeof(s->helo)) != 0) {
		reply(s, "501 5.5.4 Name your host, or its address in brackets");
		return false;
	}
	transaction_reset(s);
	s->esmtp = esmtp;
	return true;
}

static enum sink_action verb_helo(struct sink *s, struct span arg)
{
	if (greet(s, arg, false))
		buf_fmt(&s->out, "250 %s\r\n", s->name);
	return SINK_GO;
}

static enum sink_action verb_ehlo(struct sink *s, struct span arg)
{
	if (!greet(s, arg, true))
		return SINK_GO;
	buf_fmt(&s->out,
		"250-%s\r\n250-PIPELINING\r\n250-SIZE %llu\r\n%s250-8BITMIME\r\n"
		"250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n",
		s->name, (unsigned long long)s->size_max, s->tls[0] ? "" : "250-STARTTLS\r\n");
	return SINK_GO;
}

static enum sink_action verb_starttls(struct sink *s, struct span arg)
{
	if (arg.n)
		return reply(s, "501 5.5.4 STARTTLS takes no argument");
	if (s->tls[0])
		return reply(s, "503 5.5.1 TLS is on already");
	reply(s, "220 2.0.0 Begin TLS");
	return SINK_START_TLS;
}

/* One parameter of MAIL; NULL or the refusal. */
static const char *mail_param(const struct sink *s, struct span param, bool *utf8)
{
	struct span value = param, key = span_cut(&value, '=');
	uint64_t size;

	if (span_ieq_str(key, "SIZE")) {
		if (span_u64(value, UINT64_MAX, &size) != 0)
			return "501 5.5.4 SIZE takes a number";
		return size > s->size_max ? "552 5.3.4 The message is too large" : NULL;
	}
	if (span_ieq_str(key, "BODY")) {
		if (span_ieq_str(value, "7BIT") || span_ieq_str(value, "8BITMIME"))
			return NULL;
		return "501 5.5.4 BODY takes 7BIT or 8BITMIME";
	}
	if (!span_ieq_str(param, "SMTPUTF8"))
		return "555 5.5.4 Unknown parameter";
	*utf8 = true;
	return NULL;
}

static void refuse_address(struct sink *s, const char *status, int err)
{
	buf_fmt(&s->out, "%s %s\r\n", status, addr_error(err));
	s->errors++;
}

/* What stands before rest has bytes above 0x7f. */
static bool path_is_utf8(struct span path, struct span rest)
{
	return !span_is_ascii(span_head(path, path.n - rest.n));
}

static enum sink_action verb_mail(struct sink *s, struct span arg)
{
	const char *refusal = out_of_order(s, false);
	struct span path, rest;
	struct addr sender;
	bool utf8 = false, needs_utf8;
	int err;

	if (refusal)
		return reply(s, refusal);
	if (s->mail)
		return reply(s, "503 5.5.1 A sender was given already");
	if (!span_istarts(arg, "FROM:"))
		return reply(s, "501 5.5.4 MAIL FROM:<address>");
	path = span_trim(span_from(arg, 5));
	err = addr_parse_path(path, &sender, &rest);
	if (err) {
		refuse_address(s, "501 5.1.7", err);
		return SINK_GO;
	}
	needs_utf8 = path_is_utf8(path, rest);
	if (rest.n && rest.p[0] != ' ')
		return reply(s, "501 5.5.4 What follows the address is no parameter");
	while (rest.n) {
		struct span param = span_cut(&rest, ' ');

		refusal = param.n ? mail_param(s, param, &utf8) : NULL;
		if (refusal)
			return reply(s, refusal);
	}
	if (needs_utf8 && !utf8)
		return reply(s, "553 5.6.7 A non-ASCII address needs SMTPUTF8");
	s->mail = true;
	s->utf8 = utf8;
	s->sender = sender;
	return reply(s, "250 2.1.0 Sender accepted");
}

/* <Postmaster> needs no domain: RFC 5321 4.5.1. */
static int postmaster_here(const struct sink *s, struct addr *out)
{
	char text[LIMIT_ADDR];

	snprintf(text, sizeof(text), "postmaster@%s", s->name);
	return addr_parse(span_str(text), out);
}

static void rcpt_add(struct sink *s, const struct addr *rcpt)
{
	if (s->rcpt_count == s->rcpt_cap) {
		s->rcpt_cap = s->rcpt_cap ? 2 * s->rcpt_cap : 1;
		s->rcpts = mem_grow(s->rcpts, s->rcpt_cap * sizeof(*s->rcpts));
	}
	s->rcpts[s->rcpt_count++] = *rcpt;
}

static enum sink_action verb_rcpt(struct sink *s, struct span arg)
{
	const char *refusal = out_of_order(s, true);
	struct span path, rest;
	struct addr rcpt;
	int err;

	if (refusal)
		return reply(s, refusal);
	if (!span_istarts(arg, "TO:"))
		return reply(s, "501 5.5.4 RCPT TO:<address>");
	path = span_trim(span_from(arg, 3));
	err = addr_parse_path(path, &rcpt, &rest);
	if (err == -ADDR_ERR_POSTMASTER)
		err = postmaster_here(s, &rcpt);
	else if (!err && rcpt.n == 0)
		err = -ADDR_ERR_EMPTY;
	if (err) {
		refuse_address(s, "501 5.1.3", err);
		return SINK_GO;
	}
	if (!s->utf8 && path_is_utf8(path, rest))
		return reply(s, "553 5.6.7 A non-ASCII address needs SMTPUTF8");
	if (rest.n)
		return reply(s, "555 5.5.4 RCPT takes no parameters");
	if (s->rcpt_count == SINK_RCPTS_MAX)
		return reply(s, "452 4.5.3 Too many recipients");
	rcpt_add(s, &rcpt);
	return reply(s, "250 2.1.5 Recipient accepted");
}

static enum sink_action verb_data(struct sink *s, struct span arg)
{
	const char *refusal = out_of_order(s, true);

	if (refusal)
		return reply(s, refusal);
	if (arg.n)
		return reply(s, "501 5.5.4 DATA takes no argument");
	if (s->rcpt_count == 0)
		return reply(s, "503 5.5.1 No valid recipients");
	return s->pending = SINK_OPEN;
}

static enum sink_action verb_rset(struct sink *s, struct span arg)
{
	if (arg.n)
		return reply(s, "501 5.5.4 RSET takes no argument");
	transaction_reset(s);
	return reply(s, "250 2.0.0 Reset");
}

static enum sink_action verb_noop(struct sink *s, struct span arg)
{
	(void)arg;
	return reply(s, "250 2.0.0 Done");
}

static enum sink_action verb_vrfy(struct sink *s, struct span arg)
{
	if (arg.n == 0)
		return reply(s, "501 5.5.4 VRFY takes an address");
	return reply(s, "252 2.0.0 Not verified; send to it and see");
}

static enum sink_action verb_quit(struct sink *s, struct span arg)
{
	if (arg.n)
		return reply(s, "501 5.5.4 QUIT takes no argument");
	return hang_up(s, "221 2.0.0 Bye");
}

static const struct verb {
	const char *name;
	enum sink_action (*fn)(struct sink *s, struct span arg);
} verbs[] = {
	{"EHLO", verb_ehlo}, {"HELO", verb_helo}, {"STARTTLS", verb_starttls}, {"MAIL", verb_mail},
	{"RCPT", verb_rcpt}, {"DATA", verb_data}, {"RSET", verb_rset},	       {"NOOP", verb_noop},
	{"VRFY", verb_vrfy}, {"QUIT", verb_quit},
};

static enum sink_action command(struct sink *s, struct span line)
{
	struct span arg = line, verb = span_cut(&arg, ' ');

	arg = span_trim(arg);
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (span_ieq_str(verb, verbs[i].name))
			return verbs[i].fn(s, arg);
	return reply(s, "500 5.5.1 Unknown command");
}

static enum sink_action overlong(struct sink *s)
{
	if (s->skipped > LIMIT_COMMAND_SKIP)
		return hang_up(s, "421 4.7.0 The line is too long");
	return SINK_WAIT;
}

static enum sink_action served(struct sink *s, struct span line)
{
	enum sink_action action = overlong(s);

	if (action == SINK_CLOSE)
		return action;
	if (s->skipped >= LIMIT_COMMAND_LINE)
		action = reply(s, "500 5.5.2 The line is too long");
	else if (line.n == 0 || line.p[line.n - 1] != '\r')
		action = reply(s, "500 5.5.2 A line ends in CR LF");
	else
		action = command(s, span_head(line, line.n - 1));
	s->skipped = 0;
	if (s->errors > SINK_ERRORS_MAX && s->at == SINK_AT_COMMAND)
		action = hang_up(s, "421 4.7.0 Too many errors");
	return action;
}

/* A line is shown again until it is whole, unless it is too long: then it is skipped as it comes,
 * but not for ever. */
static size_t feed_command(struct sink *s, struct span in, enum sink_action *action)
{
	size_t end = span_find(in, '\n');

	if (end == in.n && s->skipped + in.n < LIMIT_COMMAND_LINE) {
		*action = SINK_WAIT;
		return 0;
	}
	s->skipped += end;
	*action = end == in.n ? overlong(s) : served(s, span_head(in, end));
	return end == in.n ? end : end + 1;
}

static void reply_failure(struct sink *s)
{
	if (s->failure == -EFBIG)
		reply(s, "552 5.3.4 The message is too large");
	else if (s->failure == -ENOSPC || s->failure == -EDQUOT)
		reply(s, "452 4.3.1 No space left for the message");
	else
		reply(s, "451 4.3.0 The message could not be kept");
	transaction_reset(s);
}

static enum sink_action data_end(struct sink *s)
{
	if (!s->failure)
		return s->pending = SINK_KEEP;
	reply_failure(s);
	return SINK_DROP;
}

static size_t feed_data(struct sink *s, struct span in, enum sink_action *action)
{
	size_t used;

	*action = SINK_WAIT;
	if (dots_ended(&s->dots)) {
		*action = data_end(s);
		return 0;
	}
	if (in.n == 0)
		return 0;
	used = dots_read(&s->dots, in, &s->piece);
	*action = SINK_GO;
	if (s->dots.bytes > s->size_max && !s->failure)
		s->failure = -EFBIG;
	if (s->dots.bytes > s->size_max + SINK_SKIP_MAX)
		*action = hang_up(s, "421 4.3.0 The message is far too large");
	else if (s->piece.n && !s->failure)
		*action = s->pending = SINK_WRITE;
	return used;
}

size_t sink_feed(struct sink *s, struct span in, enum sink_action *action)
{
	must(s->pending == SINK_WAIT);
	switch (s->at) {
	case SINK_AT_COMMAND:
		return feed_command(s, in, action);
	case SINK_AT_DATA:
		return feed_data(s, in, action);
	case SINK_AT_END:
		break;
	}
	*action = SINK_CLOSE;
	return 0;
}

static void answer_open(struct sink *s, int err)
{
	s->failure = err;
	if (err) {
		reply_failure(s);
		return;
	}
	dots_init(&s->dots, DOTS_STRICT);
	s->at = SINK_AT_DATA;
	reply(s, "354 End with a dot on a line of its own");
}

static void answer_keep(struct sink *s, int err, const char *name)
{
	s->failure = err;
	if (err) {
		reply_failure(s);
		return;
	}
	buf_fmt(&s->out, "250 2.0.0 Kept as %s\r\n", name);
	transaction_reset(s);
}

void sink_answer(struct sink *s, int err, const char *name)
{
	enum sink_action asked = s->pending;

	must(asked == SINK_OPEN || asked == SINK_WRITE || asked == SINK_KEEP);
	s->pending = SINK_WAIT;
	if (asked == SINK_OPEN)
		answer_open(s, err);
	else if (asked == SINK_WRITE)
		s->failure = err;
	else
		answer_keep(s, err, name);
}

void sink_secured(struct sink *s, const char *tls)
{
	transaction_reset(s);
	s->helo[0] = '\0';
	s->esmtp = false;
	snprintf(s->tls, sizeof(s->tls), "%s", tls);
}

void sink_head(const struct sink *s, struct wall now, struct buf *out)
{
	struct span cipher = span_str(s->tls), version = span_cut(&cipher, ' ');
	const char *v6 = strchr(s->peer, ':') ? "IPv6:" : "";
	char date[WALL_TEXT_SIZE];

	wall_rfc5322(now, date);
	buf_fmt(out, "Return-Path: <%s>\r\n", s->sender.s);
	for (size_t i = 0; i < s->rcpt_count; i++)
		buf_fmt(out, "Delivered-To: %s\r\n", s->rcpts[i].s);
	buf_fmt(out, "Received: from %s ([%s%s])\r\n", s->helo, v6, s->peer);
	if (s->tls[0])
		buf_fmt(out, "\t(using %.*s with cipher %.*s)\r\n", SPAN_FMT(version),
			SPAN_FMT(cipher));
	buf_fmt(out, "\tby %s with %s%s; %s\r\n", s->name, s->esmtp ? "ESMTP" : "SMTP",
		s->esmtp && s->tls[0] ? "S" : "", date);
}
