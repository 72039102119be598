/*
 * auth.c - AUTH (RFC 4954): PLAIN (RFC 4616), LOGIN (obsolete, but what many clients do), CRAM-MD5
 * (RFC 2195).
 *
 *	plain     = [ authzid ] NUL authcid NUL password
 *	challenge = "<" unique "@" hostname ">"
 *	cram      = user SP 32HEXDIG
 *
 * As in Postal, with PLAIN and LOGIN the user name says nothing: the secret alone names the
 * credential.  With CRAM-MD5 it names the server whose credentials are tried.
 *
 * RFC 4954 4 would have lines of 12288 octets; ours end at LIMIT_COMMAND_LINE like all commands, as
 * no mechanism here has longer ones.
 */
#include <sodium.h>

#include "smtpd/session.h"

enum { STEP_NONE, STEP_PLAIN, STEP_LOGIN_USER, STEP_LOGIN_SECRET, STEP_CRAM };

enum { DECODED_MAX = 1536, DIGEST_SIZE = 16 };

void session_auth_stop(struct session *s)
{
	s->state = STATE_COMMAND;
	s->auth_step = STEP_NONE;
	sodium_memzero(s->auth_user, sizeof(s->auth_user));
	s->auth_user_n = 0;
	s->auth_challenge[0] = '\0';
}

bool session_may_auth(const struct session *s)
{
	if (s->kind == SESSION_MX)
		return s->conf.mx_auth && s->tls;
	return s->tls || s->conf.auth_clear;
}

static void ask(struct session *s, int step, const char *challenge)
{
	s->state = STATE_AUTH;
	s->auth_step = step;
	session_say(s, "334 %s", challenge);
}

static void failed(struct session *s)
{
	s->auth_failures++;
	if (s->auth_failures >= s->conf.auth_failures)
		session_end(s, "421 4.7.0 Too many failed logins, closing");
	else
		session_say(s, "535 5.7.8 Wrong user name or password");
}

static void throttled(struct session *s)
{
	s->auth_throttled++;
	if (s->auth_throttled >= s->conf.auth_failures)
		session_end(s, "421 4.7.0 Too many failed logins, closing");
	else
		session_say(s, "454 4.7.0 Too many failed logins, try again later");
}

static void answer(struct session *s, enum auth_result r)
{
	switch (r) {
	case AUTH_OK:
		s->authenticated = s->submits = true;
		session_say(s, "235 2.7.0 Granted for %s", s->label);
		break;
	case AUTH_WRONG:
		failed(s);
		break;
	case AUTH_UNAVAILABLE:
		session_say(s, "454 4.7.0 Logins cannot be checked now, try again later");
		break;
	case AUTH_THROTTLED:
		throttled(s);
		break;
	case AUTH_LATER:
		s->wait = WAIT_AUTH;
		break;
	}
}

void session_auth_answer(struct session *s, enum auth_result r)
{
	must(s->wait == WAIT_AUTH && r != AUTH_LATER);
	s->wait = WAIT_NONE;
	answer(s, r);
}

static void check(struct session *s, struct span user, struct span secret)
{
	session_auth_stop(s);
	answer(s, s->ops->auth(s->arg, user, secret, s->label, sizeof(s->label)));
}

/* "=" stands for an empty initial response (RFC 4954 4). */
static bool decode(struct span text, uint8_t out[DECODED_MAX], size_t *n)
{
	if (span_eq_str(text, "=")) {
		*n = 0;
		return true;
	}
	return sodium_base642bin(out, DECODED_MAX, (const char *)text.p, text.n, NULL, n, NULL,
				 sodium_base64_VARIANT_ORIGINAL) == 0;
}

static void plain(struct session *s, struct span data)
{
	struct span secret = data, user;
	size_t nuls = 0;

	for (size_t i = 0; i < data.n; i++)
		nuls += data.p[i] == 0;
	if (nuls != 2) {
		session_auth_stop(s);
		session_refuse(s, "501 5.5.2 AUTH PLAIN needs two NUL bytes, no more and no less");
		return;
	}
	span_cut(&secret, 0);
	user = span_cut(&secret, 0);
	check(s, user, secret);
}

static void ask_cram(struct session *s)
{
	char unique[SESSION_UNIQUE_SIZE];
	char text[2 * sizeof(s->auth_challenge)];

	s->ops->unique(s->arg, unique);
	snprintf(s->auth_challenge, sizeof(s->auth_challenge), "<%s@%s>", unique, s->conf.hostname);
	sodium_bin2base64(text, sizeof(text), (const uint8_t *)s->auth_challenge,
			  strlen(s->auth_challenge), sodium_base64_VARIANT_ORIGINAL);
	ask(s, STEP_CRAM, text);
}

/* The user name may have blanks, the digest has none. */
static void cram(struct session *s, struct span data)
{
	const size_t hex = 2 * DIGEST_SIZE;
	uint8_t digest[DIGEST_SIZE];
	char challenge[sizeof(s->auth_challenge)];
	struct span user = span_head(data, data.n > hex ? data.n - hex - 1 : 0);

	memcpy(challenge, s->auth_challenge, sizeof(challenge));
	session_auth_stop(s);
	if (!user.n || data.p[user.n] != ' ' ||
	    hex_decode(span_from(data, user.n + 1), digest, DIGEST_SIZE) != 0) {
		session_refuse(s, "501 5.5.2 AUTH CRAM-MD5 needs a user name, a blank and 32 hex "
				  "digits");
		return;
	}
	answer(s,
	       s->ops->cram(s->arg, user, span_str(challenge), digest, s->label, sizeof(s->label)));
}

static void step(struct session *s, struct span data)
{
	switch (s->auth_step) {
	case STEP_PLAIN:
		plain(s, data);
		break;
	case STEP_LOGIN_USER:
		s->auth_user_n = size_min(data.n, sizeof(s->auth_user));
		if (s->auth_user_n)
			memcpy(s->auth_user, data.p, s->auth_user_n);
		ask(s, STEP_LOGIN_SECRET, "UGFzc3dvcmQ6"); /* "Password:" */
		break;
	case STEP_CRAM:
		cram(s, data);
		break;
	default:
		check(s, span_of(s->auth_user, s->auth_user_n), data);
		break;
	}
}

void session_auth_line(struct session *s, struct span line)
{
	uint8_t decoded[DECODED_MAX];
	size_t n;

	if (span_eq_str(line, "*")) {
		session_auth_stop(s);
		session_refuse(s, "501 5.7.0 Authentication cancelled");
	} else if (!decode(line, decoded, &n)) {
		session_auth_stop(s);
		session_refuse(s, "501 5.5.2 That is not base64");
	} else {
		step(s, span_of(decoded, n));
	}
	sodium_memzero(decoded, sizeof(decoded));
}

static void begin(struct session *s, struct span args)
{
	struct span initial = args, mechanism = span_cut(&initial, ' ');

	if (span_ieq_str(mechanism, "PLAIN")) {
		s->auth_step = STEP_PLAIN;
		if (!initial.n)
			ask(s, STEP_PLAIN, "");
	} else if (span_ieq_str(mechanism, "LOGIN")) {
		s->auth_step = STEP_LOGIN_USER;
		if (!initial.n)
			ask(s, STEP_LOGIN_USER, "VXNlcm5hbWU6"); /* "Username:" */
	} else if (s->conf.cram && span_ieq_str(mechanism, "CRAM-MD5")) {
		if (initial.n)
			session_refuse(s, "501 5.7.0 In CRAM-MD5 the server speaks first");
		else
			ask_cram(s);
		return;
	} else if (!mechanism.n) {
		session_refuse(s, "501 5.5.4 Syntax: AUTH mechanism [initial response]");
		return;
	} else {
		session_refuse(s, "504 5.5.4 Unknown authentication mechanism; EHLO tells which "
				  "are offered");
		return;
	}
	if (initial.n)
		session_auth_line(s, span_trim(initial));
}

void session_auth(struct session *s, struct span args)
{
	if (s->kind == SESSION_MX && !s->conf.mx_auth)
		session_refuse(s, "502 5.5.1 No AUTH on this port; submit on the submission port");
	else if (!s->helo[0])
		session_refuse(s, "503 5.5.1 EHLO first");
	else if (!session_may_auth(s))
		session_refuse(s, "538 5.7.11 Encryption required: STARTTLS first");
	else if (s->authenticated)
		session_refuse(s, "503 5.5.1 Already authenticated");
	else if (s->tx.has_sender) /* RFC 4954 4 */
		session_refuse(s, "503 5.5.1 No AUTH within a transaction; RSET to end it");
	else
		begin(s, args);
}
