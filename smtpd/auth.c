/*
 * auth.c - AUTH PLAIN (RFC 4616) and LOGIN (obsolete, but what many clients do), RFC 4954.
 *
 * As in Postal, the user name says nothing: the secret alone names the credential.
 */
#include <sodium.h>

#include "smtpd/session.h"

enum { STEP_NONE, STEP_PLAIN, STEP_LOGIN_USER, STEP_LOGIN_SECRET };

enum { DECODED_MAX = 1536 };

void session_auth_stop(struct session *s)
{
	s->state = STATE_COMMAND;
	s->auth_step = STEP_NONE;
	sodium_memzero(s->auth_user, sizeof(s->auth_user));
	s->auth_user_n = 0;
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
		s->authenticated = true;
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

/* authzid NUL authcid NUL password */
static void plain(struct session *s, struct span data)
{
	struct span secret = data, user;

	if (span_find(secret, 0) == secret.n) {
		session_auth_stop(s);
		session_refuse(s, "501 5.5.2 AUTH PLAIN needs two NUL bytes");
		return;
	}
	span_cut(&secret, 0);
	if (span_find(secret, 0) == secret.n) {
		session_auth_stop(s);
		session_refuse(s, "501 5.5.2 AUTH PLAIN needs two NUL bytes");
		return;
	}
	user = span_cut(&secret, 0);
	if (span_find(secret, 0) < secret.n) {
		session_auth_stop(s);
		session_refuse(s, "501 5.5.2 AUTH PLAIN has more than two NUL bytes");
		return;
	}
	check(s, user, secret);
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

void session_auth(struct session *s, struct span args)
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
	} else {
		session_refuse(s, "504 5.5.4 Unknown authentication mechanism; PLAIN and LOGIN are "
				  "offered");
		return;
	}
	if (initial.n)
		session_auth_line(s, span_trim(initial));
}
