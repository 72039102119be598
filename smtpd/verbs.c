/*
 * verbs.c - the SMTP commands: one table, one function each.
 */
#include <stdio.h>
#include <strings.h>

#include "common/limits.h"
#include "smtpd/session.h"

/* greeting */

static bool set_helo(struct session *s, struct span name)
{
	if (name.n == 0 || name.n > SESSION_HELO_MAX || span_has_ctl(name) ||
	    !span_is_ascii(name) || span_find(name, ' ') < name.n)
		return false;
	return span_cstr(name, s->helo, sizeof(s->helo)) == 0;
}

/* What EHLO and HELO have in common; false when the name was refused. */
static bool hello(struct session *s, struct span name, bool esmtp)
{
	if (!set_helo(s, name)) {
		session_refuse(s, "501 5.5.4 %s needs the name of your host",
			       esmtp ? "EHLO" : "HELO");
		return false;
	}
	session_reset(s);
	s->esmtp = esmtp;
	return true;
}

static void do_ehlo(struct session *s, struct span args)
{
	if (!hello(s, args, true))
		return;
	session_say(s, "250-%s", s->conf.hostname);
	session_say(s, "250-PIPELINING");
	session_say(s, "250-SIZE %llu", (unsigned long long)s->conf.message_size);
	session_say(s, "250-8BITMIME");
	session_say(s, "250-SMTPUTF8");
	session_say(s, "250-CHUNKING");
	if (!s->tls)
		session_say(s, "250-STARTTLS");
	if (session_may_auth(s) && !s->authenticated)
		session_say(s, "250-AUTH PLAIN LOGIN%s", s->conf.cram ? " CRAM-MD5" : "");
	session_say(s, "250 ENHANCEDSTATUSCODES");
}

static void do_helo(struct session *s, struct span args)
{
	if (hello(s, args, false))
		session_say(s, "250 %s", s->conf.hostname);
}

static void do_starttls(struct session *s, struct span args)
{
	if (args.n) {
		session_refuse(s, "501 5.5.4 STARTTLS takes no argument");
	} else if (s->tls) {
		session_refuse(s, "503 5.5.1 TLS is already there");
	} else {
		session_reset(s);
		session_say(s, "220 2.0.0 Ready to start TLS");
		s->wait = WAIT_TLS;
	}
}

/* MAIL */

static const char *check_size(const struct session *s, struct span value)
{
	uint64_t size;
	int err = span_u64(value, UINT64_MAX, &size);

	if (err == -EINVAL || value.n > 20)
		return "501 5.5.4 SIZE needs a number of bytes";
	return err == 0 && size <= s->conf.message_size ? NULL : session_too_large(s);
}

static const char *check_body(const struct session *s, struct span value)
{
	(void)s;
	return span_ieq_str(value, "7BIT") || span_ieq_str(value, "8BITMIME")
		       ? NULL
		       : "501 5.5.4 BODY must be 7BIT or 8BITMIME";
}

static bool upper_hex(uint8_t c)
{
	return ascii_digit(c) || (c >= 'A' && c <= 'F');
}

/* xtext (RFC 3461 4): printable ASCII, "+" and two hex digits for the rest. */
static bool is_xtext(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '=')
			return false;
		if (s.p[i] != '+')
			continue;
		if (s.n - i < 3 || !upper_hex(s.p[i + 1]) || !upper_hex(s.p[i + 2]))
			return false;
		i += 2;
	}
	return s.n > 0;
}

/* RFC 4954 5: who submitted it elsewhere; we believe only our own credentials. */
static const char *check_auth(const struct session *s, struct span value)
{
	(void)s;
	return is_xtext(value) ? NULL : "501 5.5.4 AUTH needs a value in xtext";
}

enum { PARAM_SIZE, PARAM_BODY, PARAM_AUTH, PARAM_UTF8 };

static const struct mail_parameter {
	const char *name;
	const char *(*check)(const struct session *s, struct span value); /* NULL: has no value */
} mail_parameters[] = {
	[PARAM_SIZE] = {"SIZE", check_size},
	[PARAM_BODY] = {"BODY", check_body},
	[PARAM_AUTH] = {"AUTH", check_auth},
	[PARAM_UTF8] = {"SMTPUTF8", NULL},
};

/* NULL, or the reply that refuses it.  given: a bit for each that was seen. */
static const char *read_mail_parameter(const struct session *s, struct span param, unsigned *given)
{
	struct span value = param, name = span_cut(&value, '=');

	for (size_t i = 0; i < ARRAY_LEN(mail_parameters); i++) {
		if (!span_ieq_str(name, mail_parameters[i].name))
			continue;
		if (*given & 1U << i)
			return "501 5.5.4 A MAIL parameter is given twice";
		*given |= 1U << i;
		if (mail_parameters[i].check)
			return mail_parameters[i].check(s, value);
		return param.n == name.n ? NULL : "501 5.5.4 SMTPUTF8 takes no value";
	}
	return "555 5.5.4 Unknown MAIL parameter";
}

static const char *read_mail_parameters(const struct session *s, struct span params,
					unsigned *given)
{
	const char *refusal = NULL;

	if (params.n && params.p[0] != ' ')
		return "501 5.5.4 A blank must follow the address";
	while (params.n && !refusal) {
		struct span one = span_cut(&params, ' ');

		if (one.n)
			refusal = read_mail_parameter(s, one, given);
	}
	return refusal;
}

/* "FROM:<...>": the part behind the colon; blanks before it are common and harmless. */
static bool after_keyword(struct span args, const char *keyword, struct span *out)
{
	if (!span_istarts(args, keyword))
		return false;
	*out = span_trim(span_from(args, strlen(keyword)));
	return true;
}

static const char no_rights_now[] =
	"451 4.3.0 Your right to submit cannot be checked now, try again later";

/* Who may not submit at a door that is for nothing else. */
static const char *why_no_submission(struct session *s)
{
	switch (session_submits(s)) {
	case AUTH_OK:
		return NULL;
	case AUTH_UNAVAILABLE:
		return no_rights_now;
	case AUTH_WRONG:
	case AUTH_THROTTLED:
	case AUTH_LATER:
		break;
	}
	if (!session_may_auth(s))
		return "530 5.7.0 Must issue a STARTTLS command first";
	return "530 5.7.0 Authentication required";
}

static const char *why_no_mail(struct session *s)
{
	if (!s->helo[0])
		return "503 5.5.1 EHLO first";
	if (s->tx.has_sender)
		return "503 5.5.1 Sender already given; RSET to begin anew";
	return s->kind == SESSION_MX ? NULL : why_no_submission(s);
}

/* What stands before rest has bytes above 0x7f. */
static bool path_is_utf8(struct span path, struct span rest)
{
	return !span_is_ascii(span_head(path, path.n - rest.n));
}

static void do_mail(struct session *s, struct span args)
{
	const char *refusal = why_no_mail(s);
	struct span path, params;
	struct addr sender;
	unsigned given = 0;
	bool utf8;
	int err;

	if (refusal) {
		session_refuse(s, "%s", refusal);
		return;
	}
	if (!after_keyword(args, "FROM:", &path)) {
		session_refuse(s, "501 5.5.4 Syntax: MAIL FROM:<address>");
		return;
	}
	err = addr_parse_path(path, &sender, &params);
	if (err) {
		session_refuse(s, "501 5.1.7 Sender address: %s", addr_error(err));
		return;
	}
	refusal = read_mail_parameters(s, params, &given);
	utf8 = given & 1U << PARAM_UTF8;
	if (!refusal && !utf8 && path_is_utf8(path, params))
		refusal = "553 5.6.7 Sender address: non-ASCII characters need SMTPUTF8";
	if (refusal) {
		session_refuse(s, "%s", refusal);
		return;
	}
	s->tx.has_sender = true;
	s->tx.sender = sender;
	s->tx.utf8 = utf8;
	s->tx.submits = s->submits;
	session_say(s, "250 2.1.0 Ok");
}

/* RCPT */

/* Domains are in lower case here, so equal bytes are the same mailbox. */
static bool has_rcpt(const struct transaction *tx, const struct addr *rcpt)
{
	for (size_t i = 0; i < tx->rcpt_count; i++)
		if (span_eq(addr_span(&tx->rcpts[i]), addr_span(rcpt)))
			return true;
	return false;
}

static void add_rcpt(struct session *s, const struct addr *rcpt)
{
	struct transaction *tx = &s->tx;

	if (tx->rcpt_count == tx->rcpt_cap) {
		tx->rcpt_cap = tx->rcpt_cap ? 2 * tx->rcpt_cap : 4;
		tx->rcpts = mem_grow(tx->rcpts, tx->rcpt_cap * sizeof(*tx->rcpts));
	}
	tx->rcpts[tx->rcpt_count++] = *rcpt;
}

static void refuse_rcpt(struct session *s, const char *reply)
{
	s->tx.refused_rcpts = true;
	session_refuse(s, "%s", reply);
}

/* From other servers no mail is taken yet; a client of ours may have come to their door. */
static const char *why_no_inbound(struct session *s)
{
	enum auth_result r = s->tx.submits ? AUTH_OK : session_submits(s);

	s->tx.submits = r == AUTH_OK;
	if (r == AUTH_UNAVAILABLE)
		return no_rights_now;
	return r == AUTH_OK ? NULL : "550 5.1.1 No mail for this address is taken here";
}

/* "<Postmaster>" alone is ours (RFC 5321 4.1.1.3). */
static int rcpt_parse(const struct session *s, struct span path, struct addr *out,
		      struct span *params)
{
	char own[LIMIT_ADDR + 1];
	int err = addr_parse_path(path, out, params);

	if (err != -ADDR_ERR_POSTMASTER)
		return err;
	snprintf(own, sizeof(own), "postmaster@%s", s->conf.hostname);
	return addr_parse(span_str(own), out);
}

/* NULL, or the reply that refuses it. */
static const char *why_no_rcpt(struct session *s, struct span path, struct addr *rcpt)
{
	static char text[160];
	struct span params;
	int err = rcpt_parse(s, path, rcpt, &params);

	if (err || rcpt->n == 0) {
		snprintf(text, sizeof(text), "501 5.1.3 Recipient address: %s",
			 err ? addr_error(err) : "it is empty");
		return text;
	}
	if (span_trim(params).n)
		return "555 5.5.4 Unknown RCPT parameter";
	if (!s->tx.utf8 && path_is_utf8(path, params))
		return "553 5.6.7 Recipient address: non-ASCII characters need SMTPUTF8 with MAIL";
	return s->kind == SESSION_MX ? why_no_inbound(s) : NULL;
}

static void do_rcpt(struct session *s, struct span args)
{
	const char *refusal;
	struct span path;
	struct addr rcpt;

	if (!s->tx.has_sender) {
		session_refuse(s, "503 5.5.1 MAIL first");
	} else if (s->tx.chunks != CHUNKS_NONE) {
		session_refuse(s, "503 5.5.1 BDAT has begun; RSET to begin anew");
	} else if (!after_keyword(args, "TO:", &path)) {
		session_refuse(s, "501 5.5.4 Syntax: RCPT TO:<address>");
	} else if ((refusal = why_no_rcpt(s, path, &rcpt)) != NULL) {
		refuse_rcpt(s, refusal);
	} else if (has_rcpt(&s->tx, &rcpt)) {
		session_say(s, "250 2.1.5 Ok"); /* it gets one copy */
	} else if (s->tx.rcpt_count >= s->conf.recipients) {
		/* no error of the client's: RFC 5321 4.5.3.1.10 tells it to send the rest later */
		session_say(s, "452 4.5.3 Too many recipients; send the others in another message");
	} else {
		add_rcpt(s, &rcpt);
		session_say(s, "250 2.1.5 Ok");
	}
}

/* DATA and the rest */

const char *session_why_no_data(const struct session *s)
{
	if (!s->tx.has_sender)
		return "503 5.5.1 MAIL first";
	if (s->tx.rcpt_count)
		return NULL;
	return s->tx.refused_rcpts ? "554 5.5.1 No valid recipients" : "503 5.5.1 RCPT first";
}

static void do_data(struct session *s, struct span args)
{
	char refusal[SESSION_REFUSAL_SIZE];
	const char *why = session_why_no_data(s);

	if (args.n) {
		session_refuse(s, "501 5.5.4 DATA takes no argument");
	} else if (s->tx.chunks != CHUNKS_NONE) {
		session_refuse(s, "503 5.5.1 DATA cannot follow BDAT; RSET to begin anew");
	} else if (why) {
		session_refuse(s, "%s", why);
	} else if (!session_begin(s, refusal)) {
		session_say(s, "%s", refusal);
		session_reset(s);
	} else {
		dots_init(&s->dots, s->tx.submits ? DOTS_REPAIR_LF : DOTS_STRICT);
		s->state = STATE_DATA;
		session_say(s, "354 End data with <CR><LF>.<CR><LF>");
	}
}

static void do_rset(struct session *s, struct span args)
{
	if (args.n) {
		session_refuse(s, "501 5.5.4 RSET takes no argument");
		return;
	}
	session_reset(s);
	session_say(s, "250 2.0.0 Ok");
}

static void do_noop(struct session *s, struct span args)
{
	(void)args;
	session_say(s, "250 2.0.0 Ok");
}

static void do_quit(struct session *s, struct span args)
{
	if (args.n)
		session_refuse(s, "501 5.5.4 QUIT takes no argument");
	else
		session_end(s, "221 2.0.0 Bye");
}

static void do_vrfy(struct session *s, struct span args)
{
	if (args.n)
		session_say(s, "252 2.0.0 Send it and see");
	else
		session_refuse(s, "501 5.5.4 VRFY needs an address");
}

static void do_expn(struct session *s, struct span args)
{
	(void)args;
	session_refuse(s, "502 5.5.1 EXPN is not offered");
}

static void do_help(struct session *s, struct span args)
{
	(void)args;
	session_say(s, "214 2.0.0 See RFC 5321");
}

/* A browser was made to talk to us: what follows is not SMTP and may hold commands. */
static void do_http(struct session *s, struct span args)
{
	(void)args;
	session_end(s, "421 4.7.0 This is SMTP, closing");
}

static const struct verb {
	const char *name;
	void (*run)(struct session *s, struct span args);
	bool junk; /* see SESSION_JUNK_MAX */
} verbs[] = {
	{"EHLO", do_ehlo, true},     {"HELO", do_helo, true},
	{"MAIL", do_mail, false},    {"RCPT", do_rcpt, false},
	{"DATA", do_data, false},    {"BDAT", session_bdat, false},
	{"RSET", do_rset, true},     {"NOOP", do_noop, true},
	{"QUIT", do_quit, false},    {"AUTH", session_auth, false},
	{"VRFY", do_vrfy, true},     {"STARTTLS", do_starttls, false},
	{"EXPN", do_expn, false},    {"HELP", do_help, true},
	{"GET", do_http, false},     {"POST", do_http, false},
	{"PUT", do_http, false},     {"HEAD", do_http, false},
	{"CONNECT", do_http, false}, {"OPTIONS", do_http, false},
	{"DELETE", do_http, false},  {"PATCH", do_http, false},
	{"TRACE", do_http, false},
};

void session_command(struct session *s, struct span line)
{
	struct span args = line, name = span_cut(&args, ' ');

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (!span_ieq_str(name, verbs[i].name))
			continue;
		verbs[i].run(s, span_trim(args));
		if (verbs[i].junk && ++s->junk > SESSION_JUNK_MAX && s->wait == WAIT_NONE)
			session_error(s);
		return;
	}
	session_refuse(s, "500 5.5.1 Unknown command");
}
