/*
 * submit.c - posthaste sandbox send: one small message into the sandbox, as an application would.
 *
 * A blocking SMTP dialogue: a login with TLS verified against the sandbox's own authority, MAIL,
 * RCPT, DATA.
 */
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mail/addr.h"
#include "common/proc.h"
#include "ctl/ctl.h"
#include "ctl/env.h"
#include "ctl/output.h"
#include "ctl/sandbox.h"
#include "ctl/sandbox_defaults.h"
#include "ctl/submit_wire.h"

enum { MESSAGE_MAX = 8192 };

struct submit {
	struct wire w;
	char user[256], pass[256], domain[256];
	struct addr to;
};

/* DIR/env */

static int account_read(const char *dir, struct submit *s)
{
	const struct {
		const char *name;
		char *out;
		size_t size;
	} wanted[] = {
		{"SMTP_HOST", s->w.host, sizeof(s->w.host)},
		{"SMTP_PORT", s->w.port, sizeof(s->w.port)},
		{"SMTP_CA", s->w.ca, sizeof(s->w.ca)},
		{"SMTP_USER", s->user, sizeof(s->user)},
		{"SMTP_PASS", s->pass, sizeof(s->pass)},
		{"MAIL_DOMAIN", s->domain, sizeof(s->domain)},
	};
	struct buf text, value;
	int code = 0, err = file_read(SANDBOX_ENV, ENV_FILE_MAX, &text);

	if (err)
		return ctl_fail(EX_NOINPUT,
				"%s/" SANDBOX_ENV ": %s; `posthaste sandbox start %s` "
				"writes it",
				dir, strerror(-err), dir);
	buf_init(&value, ENV_FILE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(wanted) && !code; i++) {
		buf_reset(&value);
		if (env_get(buf_span(&text), wanted[i].name, &value) || value.n == 0 ||
		    span_cstr(buf_span(&value), wanted[i].out, wanted[i].size))
			code = ctl_fail(EX_DATAERR,
					"%s/" SANDBOX_ENV " has no %s; `posthaste sandbox "
					"start %s` writes it anew",
					dir, wanted[i].name, dir);
	}
	buf_done(&value);
	buf_done(&text);
	return code;
}

/* the dialogue */

static void compose(const struct submit *s, struct buf *out)
{
	char date[WALL_TEXT_SIZE], id[33];
	uint8_t random[16];

	wall_rfc5322(wall_now(), date);
	randombytes_buf(random, sizeof(random));
	hex_encode(random, sizeof(random), id);
	buf_fmt(out, "Date: %s\r\nFrom: Sandbox <hello@%s>\r\nTo: <%s>\r\n", date, s->domain,
		s->to.s);
	buf_fmt(out, "Message-ID: <%.32s@%s>\r\nSubject: Hello from the sandbox\r\n", id,
		s->domain);
	buf_str(out, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
		     "This message was accepted, signed and delivered by Posthaste.\r\n.\r\n");
}

static int message_send(struct submit *s)
{
	struct buf text;
	int code = wire_sayf(&s->w, "MAIL FROM", 250,
			     "is the domain still there (posthaste domain list)?",
			     "MAIL FROM:<hello@%s>\r\n", s->domain);

	if (!code)
		code = wire_sayf(&s->w, "RCPT TO", 250, "name another address by --to",
				 "RCPT TO:<%s>\r\n", s->to.s);
	if (!code)
		code = wire_sayf(&s->w, "DATA", 354, "look at the sandbox's log", "DATA\r\n");
	if (code)
		return code;
	buf_init(&text, MESSAGE_MAX);
	compose(s, &text);
	code = wire_say(&s->w, "the message", buf_span(&text), 250,
			"look at the sandbox's log; is its disk full?");
	buf_done(&text);
	return code;
}

/* The reply says "queued as" and 32 hex digits. */
static int id_print(struct submit *s, const struct ctl_options *o)
{
	static const char mark[] = "queued as ";
	char id[33], from[300];
	uint8_t bytes[16];
	const char *at;

	buf_byte(&s->w.reply, '\0');
	at = strstr((const char *)s->w.reply.p, mark);
	if (!at ||
	    hex_decode(span_head(span_str(at + sizeof(mark) - 1), 32), bytes, sizeof(bytes)) != 0)
		return wire_refused(&s->w, "the message",
				    "it was accepted, but without a queue id");
	hex_encode(bytes, sizeof(bytes), id);
	id[32] = '\0';
	snprintf(from, sizeof(from), "hello@%s", s->domain);
	if (o->json)
		out_json(json_pack("{s:o, s:o, s:o}", "id", out_str(id), "from", out_str(from),
				   "to", out_str(s->to.s)));
	else
		printf("%s\n", id);
	return 0;
}

static int submit(struct submit *s, const struct ctl_options *o)
{
	const struct wire_login login = {
		.name = s->domain,
		.user = s->user,
		.pass = s->pass,
		.advice = "the credential may have been deleted; `posthaste sandbox start` makes "
			  "a new one"};
	int code = wire_connect(&s->w);

	if (!code)
		code = wire_begin(&s->w, &login);
	if (!code)
		code = message_send(s);
	if (!code)
		code = id_print(s, o);
	if (code)
		return code;
	wire_quit(&s->w);
	return 0;
}

static int send_from(const char *dir, struct submit *s, const struct ctl_options *o)
{
	int code;

	wire_init(&s->w);
	s->w.dir = dir;
	code = account_read(dir, s);
	if (!code)
		code = submit(s, o);
	wire_done(&s->w);
	sodium_memzero(s->pass, sizeof(s->pass));
	return code;
}

int cmd_sandbox_send(int argc, char **argv, const struct ctl_options *o)
{
	const char *args[1] = {NULL}, *to = "hello@sink.test", *dir;
	const struct ctl_opt opts[] = {{"--to", CTL_VALUE, &to}};
	struct submit s = {.to.n = 0};
	int err, code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), args, 0, 1);

	if (code)
		return code;
	dir = args[0] ? args[0] : o->dir;
	if (!dir)
		return ctl_fail(EX_USAGE, "no folder given; name the sandbox's folder DIR");
	err = addr_parse(span_str(to), &s.to);
	if (err)
		return ctl_fail(EX_USAGE, "--to %s: %s", to, addr_error(err));
	if (sodium_init() < 0 || chdir(dir) < 0)
		return ctl_fail(EX_NOINPUT, "%s: %s; name the sandbox's folder", dir,
				strerror(errno));
	signal(SIGPIPE, SIG_IGN);
	return send_from(dir, &s, o);
}
