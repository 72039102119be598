/*
 * main.c - the posthaste command: one table of commands, and the way to them.
 *
 *	posthaste [-C DIR] WORD [WORD [WORD]] [OPTION | ARGUMENT]...
 */
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/conf/suggest.h"
#include "common/log.h"

#include "ctl/ctl.h"
#include "ctl/output.h"
#include "ctl/queue.h"
#include "ctl/sandbox.h"
#include "ctl/supervise.h"

static int cmd_version(int argc, char **argv, const struct ctl_options *o);
static int cmd_help(int argc, char **argv, const struct ctl_options *o);

#define SERVER_SETTINGS                                                              \
	"[--mode live|development] [--send-limit N|none] [--bytes-limit SIZE|none] " \
	"[--allow-sender yes|no] [--privacy yes|no] [--relay HOST:PORT|none]"
#define SUPPRESSION_OF "[--server ORG/SERVER | --all-servers]"
#define QUEUE_ORDER "ID ... | " QUEUE_FILTER_SYNOPSIS " [--all] [--reason TEXT]"
#define CREDENTIAL_TYPES "smtp|api|smtp-ip"

static const struct ctl_command commands[] = {
	{"sandbox start", "DIR [--relay HOST:PORT] [--mx DOMAIN=HOST:PORT ...]",
	 "make an instance for development, and start it", cmd_sandbox_start, CTL_OUTSIDE},
	{"sandbox stop", "DIR", "stop it", cmd_sandbox_stop, CTL_OUTSIDE},
	{"sandbox status", "DIR", "tell which daemons run", cmd_sandbox_status, CTL_OUTSIDE},
	{"sandbox send", "DIR [--to ADDR]", "submit one message to it", cmd_sandbox_send,
	 CTL_OUTSIDE},
	{"org create", "NAME", "make an organisation", cmd_org_create, 0},
	{"org list", "", "list organisations", cmd_org_list, 0},
	{"org show", "NAME", "show one", cmd_org_show, 0},
	{"org suspend", "NAME [--reason TEXT]", "stop all mail of its servers", cmd_org_suspend, 0},
	{"org unsuspend", "NAME", "let its mail go again", cmd_org_unsuspend, 0},
	{"org delete", "NAME", "delete one that has no servers", cmd_org_delete, 0},
	{"server create", "ORG/NAME " SERVER_SETTINGS, "make a mail server in an organisation",
	 cmd_server_create, 0},
	{"server list", "", "list servers", cmd_server_list, 0},
	{"server show", "ORG/NAME", "show one", cmd_server_show, 0},
	{"server set", "ORG/NAME " SERVER_SETTINGS, "change its settings", cmd_server_set, 0},
	{"server suspend", "ORG/NAME [--reason TEXT]", "stop all its mail", cmd_server_suspend, 0},
	{"server unsuspend", "ORG/NAME", "let its mail go again", cmd_server_unsuspend, 0},
	{"server delete", "ORG/NAME", "delete one that has no domains and credentials",
	 cmd_server_delete, 0},
	{"domain create", "NAME [--server ORG/SERVER] [--verified]",
	 "add a sending domain, make its DKIM key", cmd_domain_create, 0},
	{"domain list", "[--server ORG/SERVER]", "list domains", cmd_domain_list, 0},
	{"domain show", "NAME [--server ORG/SERVER]", "show one, with the DNS records to publish",
	 cmd_domain_show, 0},
	{"domain check", "NAME [--server ORG/SERVER] [--verified]",
	 "compare DNS with what should be there", cmd_domain_check, 0},
	{"domain verify", "NAME [--server ORG/SERVER]", "vouch that it is its owner's",
	 cmd_domain_verify, 0},
	{"domain delete", "NAME [--server ORG/SERVER]", "delete one", cmd_domain_delete, 0},
	{"domain key list", "NAME [--server ORG/SERVER]", "list its DKIM keys", cmd_domain_key_list,
	 0},
	{"domain key add",
	 "NAME [--server ORG/SERVER] [--algorithm rsa-sha256|ed25519-sha256] [--selector S]",
	 "make a further key, to be published", cmd_domain_key_add, 0},
	{"domain key activate", "NAME SELECTOR [--server ORG/SERVER]",
	 "sign with this key from now on", cmd_domain_key_activate, 0},
	{"domain key instance", "", "make the key of deliver.dkim_domain, show its record",
	 cmd_domain_key_instance, 0},
	{"domain key remove", "NAME SELECTOR [--server ORG/SERVER]", "forget a key",
	 cmd_domain_key_remove, 0},
	{"credential create",
	 CREDENTIAL_TYPES " NAME [--server ORG/SERVER] [--secret S] [--cram-md5] [--network CIDR] "
			  "[--hold]",
	 "make a credential; its secret is shown once", cmd_credential_create, 0},
	{"credential list", "[--server ORG/SERVER]", "list credentials", cmd_credential_list, 0},
	{"credential show", CREDENTIAL_TYPES " NAME [--server ORG/SERVER]",
	 "show one, without its secret", cmd_credential_show, 0},
	{"credential set", CREDENTIAL_TYPES " NAME [--server ORG/SERVER] --hold yes|no",
	 "hold its mail, or not", cmd_credential_set, 0},
	{"credential delete", CREDENTIAL_TYPES " NAME [--server ORG/SERVER]", "delete one",
	 cmd_credential_delete, 0},
	{"message list", "[--after ID] [--limit N] [--json [--raw]]", "list accepted messages",
	 cmd_message_list, 0},
	{"message show", "ID", "show one with its copies", cmd_message_show, 0},
	{"message raw", "ID", "write its bytes as they are stored", cmd_message_raw, 0},
	{"queue list", QUEUE_FILTER_SYNOPSIS " [--after COPY] [--limit N]",
	 "list copies that are not finished", cmd_queue_list, 0},
	{"queue show", "[ID]", "sum up the queue, or show what is open of a message",
	 cmd_queue_show, 0},
	{"queue hold", QUEUE_ORDER, "stop copies until they are released", cmd_queue_hold, 0},
	{"queue release", QUEUE_ORDER, "let held copies go", cmd_queue_release, 0},
	{"queue retry", QUEUE_ORDER, "make copies due now", cmd_queue_retry, 0},
	{"queue cancel", QUEUE_ORDER, "end copies without delivering them", cmd_queue_cancel, 0},
	{"queue pause", "", "begin no delivery", cmd_queue_pause, 0},
	{"queue resume", "", "begin deliveries again", cmd_queue_resume, 0},
	{"suppression list", "[--server S | --all-servers] [--after ADDRESS] [--limit N] [--csv]",
	 "list addresses that get no mail", cmd_suppression_list, 0},
	{"suppression show", "ADDRESS", "is it on the list, and why", cmd_suppression_show, 0},
	{"suppression add",
	 "ADDRESS " SUPPRESSION_OF " [--reason TEXT] [--for TIME | --until TIME]",
	 "put an address on the list", cmd_suppression_add, 0},
	{"suppression remove", "ADDRESS " SUPPRESSION_OF, "take it from the list",
	 cmd_suppression_remove, 0},
	{"suppression import",
	 "FILE|- " SUPPRESSION_OF " [--format csv|json|text] [--reason TEXT] "
	 "[--for TIME | --until TIME] [--skip-bad]",
	 "take a list over", cmd_suppression_import, CTL_OUTSIDE},
	{"suppression export", SUPPRESSION_OF " [--format csv|json]", "write the list out",
	 cmd_suppression_export, 0},
	{"trace", "ID [--wait[=SECONDS]] [--smtp] [-f]",
	 "show all that happened to a message or copy", cmd_trace, 0},
	{"events", "[--after N] [--limit N] [--server ORG/SERVER] [--type T,T] [-f]",
	 "show what happened to all mail", cmd_events, 0},
	{"sendmail", "[-t] [-i] [-f SENDER] [-F NAME] [RECIPIENT ...]",
	 "submit the message on standard input, as /usr/sbin/sendmail does", cmd_sendmail,
	 CTL_OUTSIDE | CTL_ALL_ARGS},
	{"verify", "[--deep]", "find what does not fit together, and how to mend it", cmd_verify,
	 CTL_OUTSIDE},
	{"limits show", "[--server ORG/SERVER]", "every limit, its value and its use",
	 cmd_limits_show, 0},
	{"config check", "[FILE]", "is the configuration right?", cmd_config_check, CTL_OUTSIDE},
	{"config show", "", "all keys with their values", cmd_config_show, 0},
	{"sink", "[ARGUMENT ...]", "run the sandbox's receiving end", cmd_sink,
	 CTL_OUTSIDE | CTL_ALL_ARGS},
	{"supervise", "DIR", "run an instance in the foreground", cmd_supervise, CTL_OUTSIDE},
	{"version", "", "tell the version", cmd_version, CTL_OUTSIDE},
	{"help", "[COMMAND]", "explain a command", cmd_help, CTL_OUTSIDE},
};

struct invocation {
	int argc; /* what follows the global options */
	char **argv;
	const char *dir; /* of -C; NULL: not given */
	bool json, help, version;
};

static size_t words_in(const char *words)
{
	size_t n = 1;

	for (; *words; words++)
		n += *words == ' ';
	return n;
}

static struct span word_at(const char *words, size_t i)
{
	struct span rest = span_str(words), word = span_cut(&rest, ' ');

	while (i-- > 0)
		word = span_cut(&rest, ' ');
	return word;
}

/* With how many of its words the arguments begin. */
static size_t words_matched(const struct ctl_command *c, int argc, char **argv)
{
	size_t n = 0, max = size_min(words_in(c->words), (size_t)argc);

	while (n < max && span_eq_str(word_at(c->words, n), argv[n]))
		n++;
	return n;
}

static const struct ctl_command *find(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (words_matched(&commands[i], argc, argv) == words_in(commands[i].words))
			return &commands[i];
	return NULL;
}

/* How many of the arguments are the first words of some command. */
static size_t words_known(int argc, char **argv)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		size_t matched = words_matched(&commands[i], argc, argv);

		n = matched > n ? matched : n;
	}
	return n;
}

/* help */

/* The commands that begin with these words. */
static void list_commands(size_t n, char **words, FILE *to)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (words_matched(&commands[i], (int)n, words) == n)
			fprintf(to, "  %-20s %s\n", commands[i].words, commands[i].does);
}

static void help_all(FILE *to)
{
	fputs("usage: posthaste [-C DIR] COMMAND [ARGUMENT ...]\n\n", to);
	list_commands(0, NULL, to);
	fputs("\n-C DIR names the instance; else POSTHASTE_DIR, ./sandbox (not for root, not for\n"
	      "sendmail) or /var/lib/posthaste.\n"
	      "--json prints JSON, one object a line.  `posthaste help COMMAND` or posthaste(1)\n"
	      "says more.\n",
	      to);
}

static void help_one(const struct ctl_command *c)
{
	struct span noun = word_at(c->words, 0);
	bool own_page = c->run != cmd_version && c->run != cmd_help && c->run != cmd_supervise;

	printf("usage: posthaste %s%s%s%s\n\n%s%s\n\nSee posthaste%s%.*s(1).\n",
	       c->flags & CTL_OUTSIDE ? "" : "[-C DIR] ", c->words, c->synopsis[0] ? " " : "",
	       c->synopsis, c->does, c->flags & CTL_ALL_ARGS ? "" : " (--json: as JSON)",
	       own_page ? "-" : "", own_page ? (int)noun.n : 0, (const char *)noun.p);
}

static int no_command(int argc, char **argv)
{
	size_t known = words_known(argc, argv);
	struct suggest near;
	char begin[64] = "";

	for (size_t i = 0, at = 0; i < known; i++)
		at += (size_t)snprintf(begin + at, sizeof(begin) - at, "%s ", argv[i]);
	if (known == (size_t)argc) {
		ctl_fail(EX_USAGE, "%sneeds a further word:", begin);
		list_commands(known, argv, stderr);
		return EX_USAGE;
	}
	suggest_init(&near, span_str(argv[known]));
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (words_matched(&commands[i], (int)known, argv) == known)
			suggest_try(&near, word_at(commands[i].words, known));
	if (near.best.n)
		return ctl_fail(EX_USAGE, "unknown command \"%s%s\"; did you mean \"%s%.*s\"?",
				begin, argv[known], begin, SPAN_FMT(near.best));
	return ctl_fail(EX_USAGE, "unknown command \"%s%s\"; `posthaste help` lists them", begin,
			argv[known]);
}

static int help_for(int argc, char **argv)
{
	const struct ctl_command *c = find(argc, argv);

	if (argc == 0)
		help_all(stdout);
	else if (c)
		help_one(c);
	else if (words_known(argc, argv) == (size_t)argc)
		list_commands((size_t)argc, argv, stdout);
	else
		return no_command(argc, argv);
	return 0;
}

static int cmd_help(int argc, char **argv, const struct ctl_options *o)
{
	const char *args[3];
	int code = ctl_args(argc, argv, o, NULL, 0, args, 0, 3);

	return code ? code : help_for(argc - 1, argv + 1);
}

static int cmd_version(int argc, char **argv, const struct ctl_options *o)
{
	int code = ctl_args(argc, argv, o, NULL, 0, NULL, 0, 0);

	if (code)
		return code;
	if (o->json)
		out_json(json_pack("{s:s}", "version", POSTHASTE_VERSION));
	else
		printf("posthaste %s\n", POSTHASTE_VERSION);
	return 0;
}

/* the way to a command */

static bool is_one_of(const char *arg, const char *a, const char *b)
{
	return strcmp(arg, a) == 0 || strcmp(arg, b) == 0;
}

/* What stands before the command. */
static int global_options(struct invocation *in)
{
	while (in->argc && in->argv[0][0] == '-') {
		const char *arg = *in->argv++;

		in->argc--;
		if (strcmp(arg, "-C") == 0 && in->argc) {
			in->dir = *in->argv++;
			in->argc--;
		} else if (strncmp(arg, "-C", 2) == 0 && arg[2]) {
			in->dir = arg + 2;
		} else if (strcmp(arg, "--json") == 0) {
			in->json = true;
		} else if (is_one_of(arg, "--help", "-h")) {
			in->help = true;
		} else if (is_one_of(arg, "--version", "-V")) {
			in->version = true;
		} else if (strcmp(arg, "-C") == 0) {
			return ctl_fail(EX_USAGE,
					"-C needs a folder; write posthaste -C DIR COMMAND");
		} else {
			return ctl_fail(EX_USAGE,
					"unknown option %s; before the command there may be "
					"-C DIR, --json, --help and --version",
					arg);
		}
	}
	return 0;
}

/* By its synopsis ("[--reason TEXT]"): is the next argument the value of this one? */
static bool takes_value(const struct ctl_command *c, const char *arg)
{
	size_t n = strlen(arg);
	const char *at = arg[0] == '-' ? strstr(c->synopsis, arg) : NULL;

	while (at && !(at[n] == ' ' && ascii_alnum((uint8_t)at[n + 1])))
		at = strstr(at + n, arg);
	return at != NULL;
}

/* --json and --help behind the command's words, up to "--", are taken out; not where they are the
 * value of another option. */
static void common_options(struct invocation *in, const struct ctl_command *c)
{
	int n = (int)words_in(c->words);
	bool ended = false, is_value = false;

	for (int i = n; i < in->argc; i++) {
		char *arg = in->argv[i];

		ended |= strcmp(arg, "--") == 0 && !is_value;
		if (!ended && !is_value && strcmp(arg, "--json") == 0)
			in->json = true;
		else if (!ended && !is_value && is_one_of(arg, "--help", "-h"))
			in->help = true;
		else
			in->argv[n++] = arg;
		is_value = !is_value && takes_value(c, arg);
	}
	in->argv[n] = NULL;
	in->argc = n;
}

static int run(struct invocation *in, const struct ctl_command *c)
{
	struct ctl_options o = {.command = c, .words = words_in(c->words), .dir = in->dir};
	int code = 0;

	if (!(c->flags & CTL_ALL_ARGS))
		common_options(in, c);
	if (in->help) {
		help_one(c);
		return 0;
	}
	o.json = in->json;
	if (!(c->flags & CTL_OUTSIDE))
		code = ctl_go_in(&o);
	return code ? code : c->run(in->argc, in->argv, &o);
}

static int dispatch(struct invocation *in)
{
	const struct ctl_command *c;
	int code = global_options(in);
	size_t known;

	if (code)
		return code;
	if (in->version)
		return printf("posthaste %s\n", POSTHASTE_VERSION) > 0 ? 0 : EX_IOERR;
	c = find(in->argc, in->argv);
	if (c)
		return run(in, c);
	if (in->help)
		return help_for(in->argc, in->argv);
	known = words_known(in->argc, in->argv);
	if ((size_t)in->argc > known && is_one_of(in->argv[known], "--help", "-h"))
		return help_for((int)known, in->argv);
	if (in->argc)
		return no_command(in->argc, in->argv);
	help_all(stderr);
	return EX_USAGE;
}

/* Installed under that name, it is that command. */
static bool is_sendmail(const char *program)
{
	const char *slash = program ? strrchr(program, '/') : NULL;

	return program && strcmp(slash ? slash + 1 : program, "sendmail") == 0;
}

int main(int argc, char **argv)
{
	struct invocation in = {.argc = argc > 0 ? argc - 1 : 0, .argv = argv + (argc > 0)};
	int code;

	umask(027);
	log_init("posthaste", LOG_INFO);
	must(sodium_init() >= 0);
	code = is_sendmail(argv[0]) ? cmd_sendmail(argc, argv, &(struct ctl_options){.words = 1})
				    : dispatch(&in);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		if (code == 0)
			code = ctl_fail(EX_IOERR, "the output could not be written: %s",
					strerror(errno));
	}
	return code;
}
