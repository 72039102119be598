/*
 * sendmail.c - posthaste sendmail: what programs call as /usr/sbin/sendmail.
 *
 * The message is submitted to the instance by SMTP on this host: with the login of DIR/env or of
 * the environment, else without one, which an SMTP-IP credential for loopback must allow.  It is
 * accepted, on disk, when this ends with 0; there is no queue of its own.
 */
#include <pwd.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "common/mail/dots.h"
#include "common/proc.h"
#include "ctl/ctl.h"
#include "ctl/env.h"
#include "ctl/output.h"
#include "ctl/sandbox_defaults.h"
#include "ctl/sendmail_message.h"
#include "ctl/submit_wire.h"

enum { INPUT_MAX = 256 * 1024 * 1024, NAME_SIZE = 256 };

struct job {
	bool from_header, dots_are_text, verbose, auth_clear;
	bool runs_queue; /* -q: of which there is none, so nothing is read */
	const char *from_arg, *name_arg;
	char mailname[NAME_SIZE], full_name[NAME_SIZE], login[NAME_SIZE];
	char user[NAME_SIZE], pass[NAME_SIZE];
	struct addr sender; /* n == 0: null */
	struct sendmail_rcpts rcpts;
	struct buf message; /* dot-stuffed, with the final dot */
	bool eight_bit, utf8;
	struct wire w;
	int worst; /* exit code of what was refused */
};

static const char usage_text[] =
	"usage: posthaste sendmail [-t] [-i] [-f SENDER] [-F NAME] [RECIPIENT ...]";

/* arguments: sendmail's, letters may stand together */

static const char with_value[] = "fFrBhpLNORVXCM"; /* behind it, or the next argument */
static const char with_rest[] = "obdAeq";	   /* behind it, or none: -oi, -q30m, -q */

/* One letter with its value; 0, or an exit code after having said why. */
static int letter(struct job *j, char c, const char *value)
{
	switch (c) {
	case 'f':
	case 'r':
		j->from_arg = value;
		return 0;
	case 'F':
		j->name_arg = value;
		return 0;
	case 't':
		j->from_header = true;
		return 0;
	case 'i':
		j->dots_are_text = true;
		return 0;
	case 'v':
		j->verbose = true;
		return 0;
	case 'o':
		if (strcmp(value, "i") == 0)
			j->dots_are_text = true;
		return 0;
	case 'q': /* a time is for daemons */
		j->runs_queue |= !ascii_digit((uint8_t)value[0]);
		return 0;
	case 'b':
		if (strcmp(value, "m") == 0)
			return 0;
		if (strcmp(value, "p") == 0)
			return ctl_fail(EX_USAGE, "-bp: `posthaste queue list` shows the queue");
		return ctl_fail(EX_USAGE, "-b%s is not offered; %s", value, usage_text);
	default: /* nothing here depends on them */
		return strchr("nmGUAeBhpLNORVXCdM", c)
			       ? 0
			       : ctl_fail(EX_USAGE, "unknown option -%c; %s", c, usage_text);
	}
}

static int word(struct job *j, char **argv, int argc, int *i)
{
	const char *p = argv[*i] + 1;
	int code = 0;

	for (; *p && !code; p++) {
		const char *value = NULL;
		char c = *p;

		if (strchr(with_rest, c)) {
			value = p + 1;
		} else if (strchr(with_value, c)) {
			if (!p[1] && ++*i >= argc)
				return ctl_fail(EX_USAGE, "-%c needs a value; %s", c, usage_text);
			value = p[1] ? p + 1 : argv[*i];
		}
		code = letter(j, c, value);
		if (value)
			break;
	}
	return code;
}

static int arguments(struct job *j, int argc, char **argv)
{
	bool ended = false;
	int code = 0;

	for (int i = 1; i < argc && !code; i++) {
		if (!ended && strcmp(argv[i], "--") == 0) {
			ended = true;
		} else if (!ended && argv[i][0] == '-' && argv[i][1]) {
			code = word(j, argv, argc, &i);
		} else {
			int err = sendmail_rcpt_add(&j->rcpts, span_str(argv[i]), j->mailname);

			if (err)
				code = ctl_fail(EX_DATAERR, "recipient %s: %s", argv[i],
						addr_error(err));
		}
	}
	return code;
}

/* who we are, and where the instance is */

static void get_env(struct span text, const char *name, char *out, size_t size)
{
	struct buf value;

	buf_init(&value, ENV_FILE_MAX);
	if (env_get(text, name, &value) != 0 || span_cstr(buf_span(&value), out, size) != 0)
		out[0] = '\0';
	buf_done(&value);
}

static void from_environment(const char *name, char *out, size_t size)
{
	const char *value = getenv(name);

	if (value && strlen(value) < size)
		snprintf(out, size, "%s", value);
}

/* /etc/mailname, as other mailers of this system use it, unless the instance says it. */
static void read_mailname(struct job *j, const struct conf *conf)
{
	struct buf text;
	struct domain d;

	if (j->mailname[0])
		return;
	if (file_read("/etc/mailname", NAME_SIZE, &text) == 0) {
		struct span rest = buf_span(&text);

		if (domain_parse(span_trim(span_cut(&rest, '\n')), &d) == 0)
			snprintf(j->mailname, sizeof(j->mailname), "%s", d.s);
		buf_done(&text);
	}
	if (!j->mailname[0])
		snprintf(j->mailname, sizeof(j->mailname), "%s", conf->hostname.s);
}

static void who(struct job *j)
{
	const struct passwd *pw = getpwuid(getuid());

	snprintf(j->login, sizeof(j->login), "%s", pw ? pw->pw_name : "nobody");
	if (!pw || !pw->pw_gecos)
		return;
	snprintf(j->full_name, sizeof(j->full_name), "%.*s", (int)strcspn(pw->pw_gecos, ","),
		 pw->pw_gecos);
}

/* The submission port of this host: the first one that is on loopback or on all addresses. */
static int find_door(struct job *j, const struct conf *conf)
{
	const struct conf_sockets *all = &conf->listen_submission;

	for (size_t i = 0; i < all->n; i++) {
		const struct sockaddr *sa = (const struct sockaddr *)&all->at[i].addr;
		bool six = sa->sa_family == AF_INET6;
		const char *colon = strrchr(all->at[i].text, ':');
		bool any = strncmp(all->at[i].text, six ? "[::]" : "0.0.0.0", six ? 4 : 7) == 0;
		size_t n = colon ? (size_t)(colon - all->at[i].text) : 0;

		if (!colon || n >= sizeof(j->w.host))
			continue;
		snprintf(j->w.port, sizeof(j->w.port), "%s", colon + 1);
		if (any)
			snprintf(j->w.host, sizeof(j->w.host), "%s", six ? "::1" : "127.0.0.1");
		else
			snprintf(j->w.host, sizeof(j->w.host), "%.*s", (int)(n - 2 * six),
				 all->at[i].text + six);
		return 0;
	}
	return ctl_fail(EX_CONFIG, "listen.submission has no address; set it");
}

static int find_instance(struct job *j, const char *dir)
{
	struct conf *conf;
	struct buf text;
	int code = 0;

	conf = ctl_conf(&code);
	if (!conf)
		return code;
	j->w.dir = dir;
	if (file_read(SANDBOX_ENV, ENV_FILE_MAX, &text) == 0) {
		get_env(buf_span(&text), "SMTP_CA", j->w.ca, sizeof(j->w.ca));
		get_env(buf_span(&text), "SMTP_USER", j->user, sizeof(j->user));
		get_env(buf_span(&text), "SMTP_PASS", j->pass, sizeof(j->pass));
		get_env(buf_span(&text), "MAIL_DOMAIN", j->mailname, sizeof(j->mailname));
		buf_done(&text);
	}
	from_environment("POSTHASTE_SMTP_USER", j->user, sizeof(j->user));
	from_environment("POSTHASTE_SMTP_PASS", j->pass, sizeof(j->pass));
	if (!j->w.ca[0]) {
		snprintf(j->w.ca, sizeof(j->w.ca), "%s", conf->tls_cert);
		snprintf(j->w.verify, sizeof(j->w.verify), "%s", conf->hostname.s);
	}
	read_mailname(j, conf);
	j->auth_clear = conf->smtpd_auth_clear != 0;
	code = find_door(j, conf);
	conf_free(&conf);
	return code;
}

static int set_sender(struct job *j)
{
	struct sendmail_rcpts one = {.n = 0};
	char own[2 * NAME_SIZE];
	int err;

	if (j->from_arg && (!j->from_arg[0] || strcmp(j->from_arg, "<>") == 0))
		return 0;
	snprintf(own, sizeof(own), "%s", j->from_arg ? j->from_arg : j->login);
	err = sendmail_rcpt_add(&one, span_str(own), j->mailname);
	if (!err && one.n == 1)
		j->sender = one.list[0];
	mem_free(one.list);
	return err ? ctl_fail(EX_DATAERR, "sender %s: %s", own, addr_error(err)) : 0;
}

/* the message */

static int read_stdin(struct buf *out)
{
	size_t n;
	uint8_t *room;

	do {
		room = buf_room(out, 65536);
		n = room ? fread(room, 1, 65536, stdin) : 0;
		if (n)
			buf_used(out, n);
	} while (n);
	if (!room)
		return ctl_fail(EX_DATAERR, "the message is larger than %d MiB", INPUT_MAX >> 20);
	return ferror(stdin) ? ctl_fail(EX_IOERR, "reading the message: %s", strerror(errno)) : 0;
}

/* A From needs an address also where the envelope's sender is null. */
static struct addr header_sender(const struct job *j)
{
	struct sendmail_rcpts own = {.n = 0};
	struct addr a = j->sender;

	if (!a.n && sendmail_rcpt_add(&own, span_str(j->login), j->mailname) == 0)
		a = own.list[0];
	mem_free(own.list);
	return a;
}

static int make_message(struct job *j, struct span lines)
{
	struct sendmail_facts facts = {.from_header = j->from_header,
				       .mailname = j->mailname,
				       .from_name = j->name_arg ? j->name_arg : j->full_name,
				       .sender = header_sender(j)};
	struct dots_writer writer;
	struct buf whole;
	const char *why;

	buf_init(&whole, INPUT_MAX);
	why = sendmail_message(lines, &facts, &whole, &j->rcpts);
	j->eight_bit = !span_is_ascii(buf_span(&whole));
	dots_stuff_init(&writer);
	dots_stuff(&writer, buf_span(&whole), &j->message);
	dots_stuff_end(&writer, &j->message);
	if (!why && (!buf_ok(&whole) || !buf_ok(&j->message)))
		why = "it is too large";
	buf_done(&whole);
	return why ? ctl_fail(EX_DATAERR, "the message: %s", why) : 0;
}

static int read_message(struct job *j)
{
	struct buf in, lines;
	int code;

	buf_init(&in, INPUT_MAX);
	buf_init(&lines, INPUT_MAX);
	buf_init(&j->message, 2u * INPUT_MAX);
	code = read_stdin(&in);
	if (!code && !sendmail_lines(buf_span(&in), !j->dots_are_text, &lines))
		code = ctl_fail(EX_DATAERR, "the message has a NUL byte; encode it as base64");
	if (!code && !buf_ok(&lines))
		code = ctl_fail(EX_DATAERR, "the message is too large");
	if (!code)
		code = make_message(j, buf_span(&lines));
	buf_done(&in);
	buf_done(&lines);
	if (!code && j->rcpts.n == 0)
		code = ctl_fail(EX_USAGE, j->from_header
						  ? "no recipient: To, Cc and Bcc name nobody"
						  : "no recipient; name one, or take them from the "
						    "header by -t");
	for (size_t i = 0; i < j->rcpts.n; i++)
		j->utf8 |= addr_is_utf8(&j->rcpts.list[i]);
	j->utf8 |= addr_is_utf8(&j->sender);
	return code;
}

/* submitting */

static int open_session(struct job *j)
{
	const struct wire_login login = {
		.name = j->mailname,
		.user = j->user,
		.pass = j->pass,
		.clear_allowed = j->auth_clear,
		.advice = "is the credential (POSTHASTE_SMTP_USER, POSTHASTE_SMTP_PASS) right?"};

	return wire_connect(&j->w) ? EX_TEMPFAIL : wire_begin(&j->w, &login);
}

static void refused(struct job *j, int code)
{
	if (j->worst == 0 || code == EX_TEMPFAIL)
		j->worst = code;
}

/* Recipients from *next on, as many as one transaction takes; how many were taken in *taken. */
static int name_rcpts(struct job *j, size_t *next, size_t *taken)
{
	for (*taken = 0; *next < j->rcpts.n; ++*next) {
		const char *rcpt = j->rcpts.list[*next].s;
		char what[LIMIT_ADDR + 16];
		int code;

		j->w.code = 0;
		snprintf(what, sizeof(what), "recipient %s", rcpt);
		code = wire_sayf(&j->w, what, 0, "", "RCPT TO:<%s>\r\n", rcpt);
		if (code)
			return code; /* the connection is gone */
		if (j->w.code == 250) {
			++*taken;
		} else if (j->w.code == 452 && *taken) {
			return 0; /* the others in another transaction */
		} else {
			wire_refused(&j->w, what, "it gets no copy");
			refused(j, j->w.code < 500 ? EX_TEMPFAIL : EX_NOUSER);
		}
	}
	return 0;
}

static int one_transaction(struct job *j, size_t *next)
{
	size_t taken;
	int code =
		wire_sayf(&j->w, "the sender", 250,
			  j->pass[0] ? "is its domain verified (posthaste domain list)?"
				     : "without a login (POSTHASTE_SMTP_USER and _PASS) a "
				       "credential for this host is needed: posthaste credential "
				       "create smtp-ip NAME --network 127.0.0.0/8",
			  "MAIL FROM:<%s>%s%s\r\n", j->sender.s,
			  j->eight_bit ? " BODY=8BITMIME" : "", j->utf8 ? " SMTPUTF8" : "");

	if (code)
		return j->w.code == 530 ? EX_NOPERM : code;
	code = name_rcpts(j, next, &taken);
	if (code)
		return code;
	if (!taken)
		return wire_sayf(&j->w, "RSET", 250, "", "RSET\r\n");
	code = wire_sayf(&j->w, "DATA", 354, "try again later", "DATA\r\n");
	if (!code)
		code = wire_say(&j->w, "the message", buf_span(&j->message), 250,
				"it was not accepted");
	if (!code && j->verbose)
		printf("%.*s\n", SPAN_FMT(span_trim(buf_span(&j->w.reply))));
	return code;
}

static int submit(struct job *j)
{
	size_t next = 0;
	int code = open_session(j);

	while (!code && next < j->rcpts.n)
		code = one_transaction(j, &next);
	if (code)
		return code;
	wire_quit(&j->w);
	return j->worst;
}

static int run(struct job *j, int argc, char **argv, const char *dir)
{
	int code = chdir(dir) < 0 ? ctl_fail(EX_CONFIG,
					     "%s: %s; set POSTHASTE_DIR to the instance's folder",
					     dir, strerror(errno))
				  : find_instance(j, dir);

	who(j);
	if (!code)
		code = arguments(j, argc, argv);
	if (code || j->runs_queue)
		return code;
	code = set_sender(j);
	if (!code)
		code = read_message(j);
	return code ? code : submit(j);
}

int cmd_sendmail(int argc, char **argv, const struct ctl_options *o)
{
	struct job j = {.from_arg = NULL};
	int code;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return puts(usage_text) < 0 ? EX_IOERR : 0;
	signal(SIGPIPE, SIG_IGN);
	wire_init(&j.w);
	code = run(&j, argc, argv, o->dir ? o->dir : ctl_trusted_dir());
	wire_done(&j.w);
	buf_done(&j.message);
	mem_free(j.rcpts.list);
	sodium_memzero(j.pass, sizeof(j.pass));
	return code;
}
