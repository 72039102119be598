/*
 * ctl.h - what every command of `posthaste` has in common.
 *
 * main.c holds the one table of commands: words, synopsis, what it does, function.  It takes
 * -C DIR (before the command), --json and --help out of the arguments, goes to the instance's
 * folder, and, as root, becomes the user ph-httpd; commands with CTL_OUTSIDE (sandbox, supervise,
 * sink, version, help) are left where and who they were.
 *
 * A command gets argv with the first of its words as argv[0] ("org", "create", "acme"), and
 * returns an exit code of sysexits.h.  Results go to stdout, as aligned text or, with o->json, as
 * JSON; everything else to stderr by ctl_fail() and ctl_warn().  Nobody is ever asked a question.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <sysexits.h>

#include "common/conf/conf.h"
#include "common/control/control.h"
#include "common/ipc/ipc.h"
#include "common/roles.h"

struct ctl_command;

struct ctl_options {
	/* The instance, as named or found: for messages only, we are in it.  CTL_OUTSIDE: as named
	 * by -C, else NULL. */
	const char *dir;
	bool json;
	size_t words; /* 1 to 3: argv[words] is the first argument */
	const struct ctl_command *command;
};

enum {
	CTL_OUTSIDE = 1,
	CTL_ALL_ARGS = 2 /* --json and --help after the words are the command's own affair */
};

struct ctl_command {
	const char *words; /* "org create" */
	const char
		*synopsis; /* "NAME [--reason TEXT]"; here main.c sees which options have values */
	const char *does;  /* one line for `posthaste help` */
	int (*run)(int argc, char **argv, const struct ctl_options *o);
	unsigned flags;
};

/* "posthaste: " and the text ("what happened; what to do") on stderr; returns code. */
int ctl_fail(int code, const char *fmt, ...) PRINTF(2, 3);
void ctl_warn(const char *fmt, ...) PRINTF(1, 2);

/* Options of one command (args.c).  Options may stand before, between and after the arguments;
 * "--" ends them; a value is the next argument or follows "=". */
enum ctl_opt_kind {
	CTL_FLAG,  /* bool *: --verified */
	CTL_VALUE, /* const char **: --server S */
	CTL_MAYBE, /* const char **: --wait (gives "") or --wait=S */
	CTL_LIST   /* struct ctl_list *: --mx A=B, any number of times */
};
enum { CTL_LIST_MAX = 64 };
struct ctl_list {
	size_t n;
	const char *at[CTL_LIST_MAX];
};
struct ctl_opt {
	const char *name; /* "--server" */
	enum ctl_opt_kind kind;
	void *out; /* left alone when the option is not given */
};

/* Splits argv[o->words...]: options to their outs, the rest to args (argument i in args[i], NULL
 * where missing).  0, or EX_USAGE after having said why, with "did you mean". */
int ctl_args(int argc, char **argv, const struct ctl_options *o, const struct ctl_opt *opts,
	     size_t opt_count, const char **args, size_t args_min, size_t args_max) MUST_CHECK;
/* An option's number; 0 or EX_USAGE after having said why. */
int ctl_number(const char *option, const char *text, uint64_t max, uint64_t *out) MUST_CHECK;
/* The value of an option that is yes or no; 0 or EX_USAGE after having said why. */
int ctl_yes_no(const char *option, const char *text, bool *out) MUST_CHECK;

/* The instance (instance.c).  What returns int gives 0, or an exit code after having said why;
 * what returns a pointer gives NULL then, with the exit code in *code_out. */

/* POSTHASTE_DIR, else /var/lib/posthaste: nothing that depends on the working directory, which may
 * be somebody else's. */
const char *ctl_trusted_dir(void);
/* The same, but without POSTHASTE_DIR ./sandbox if it holds an instance; not for root. */
const char *ctl_default_dir(void);
/* Goes to the folder; EX_UNAVAILABLE if it holds no instance. */
int ctl_enter(const char *dir) MUST_CHECK;
/* As root: becomes the role's user for good, where that exists.  Commands become ph-httpd's, verify
 * ph-queued's. */
int ctl_drop_root(enum role role) MUST_CHECK;
/* Both, as ph-httpd; sets o->dir where -C was not given.  Commands with CTL_OUTSIDE may call it
 * when they have done their work outside. */
int ctl_go_in(struct ctl_options *o) MUST_CHECK;
/* control.db; with DB_READ too it is made where it is missing. */
struct control *ctl_control(enum db_mode mode, int *code_out);
/* Says why the last call on c failed; the exit code that belongs to err (of control.h). */
int ctl_control_fail(const struct control *c, int err);
/* The server that --server means; server_arg NULL: the only one there is, or sandbox/sandbox. */
int ctl_server(struct control *c, const char *server_arg, char out[CONTROL_LABEL_SIZE]) MUST_CHECK;
/* "no", or since when and why, as one cell. */
struct table;
void ctl_suspension(struct table *t, const struct control_suspension *s);
/* The list that is every server's, where a server is named. */
#define CTL_ALL_SERVERS "all servers"
/* The name of a server by its number: "org/server", CTL_ALL_SERVERS for 0, the number itself when
 * there is none. */
void ctl_server_name(struct control *c, uint64_t id, char out[CONTROL_LABEL_SIZE]);
/* The configuration in force (run/active.conf, else posthaste.conf); conf_free(). */
struct conf *ctl_conf(int *code_out);
/* What stands in posthaste.conf, in force or not yet. */
struct conf *ctl_conf_written(int *code_out);
/* What starts the instance that we are in, dir by name.  In a static buffer. */
const char *ctl_start_command(const char *dir);
/* One question to a door of who ("queued", "the signer"): the answer's spans point into packet,
 * on which buf_done() is due in any case; *fd_out is a descriptor or -1.  EX_UNAVAILABLE when it
 * does not run.  o NULL: that there is no answer is not said. */
int ctl_ask(const struct ctl_options *o, enum ipc_door door, const char *who,
	    const struct ipc_msg *request, struct buf *packet, struct ipc_msg *answer_out,
	    int *fd_out) MUST_CHECK;
/* The number of the server of that name ("org/server"). */
int ctl_server_id(const char *name, uint64_t *out) MUST_CHECK;
/* An order to queued, which answers it with CHANGED, or with DONE and a reason that is said.  fd:
 * goes with it, or -1.  changed_out may be NULL. */
int ctl_order(const struct ctl_options *o, const struct ipc_msg *request, int fd,
	      struct ipc_changed *changed_out) MUST_CHECK;
/* queued claims all that was accepted until now. */
int ctl_claim(const struct ctl_options *o) MUST_CHECK;

/* the commands */
int cmd_org_create(int argc, char **argv, const struct ctl_options *o);
int cmd_org_list(int argc, char **argv, const struct ctl_options *o);
int cmd_org_show(int argc, char **argv, const struct ctl_options *o);
int cmd_org_suspend(int argc, char **argv, const struct ctl_options *o);
int cmd_org_unsuspend(int argc, char **argv, const struct ctl_options *o);
int cmd_org_delete(int argc, char **argv, const struct ctl_options *o);
int cmd_server_create(int argc, char **argv, const struct ctl_options *o);
int cmd_server_list(int argc, char **argv, const struct ctl_options *o);
int cmd_server_show(int argc, char **argv, const struct ctl_options *o);
int cmd_server_set(int argc, char **argv, const struct ctl_options *o);
int cmd_server_suspend(int argc, char **argv, const struct ctl_options *o);
int cmd_server_unsuspend(int argc, char **argv, const struct ctl_options *o);
int cmd_server_delete(int argc, char **argv, const struct ctl_options *o);
int cmd_domain_create(int argc, char **argv, const struct ctl_options *o);
int cmd_domain_list(int argc, char **argv, const struct ctl_options *o);
int cmd_domain_show(int argc, char **argv, const struct ctl_options *o);
int cmd_domain_check(int argc, char **argv, const struct ctl_options *o);
int cmd_domain_verify(int argc, char **argv, const struct ctl_options *o);
int cmd_domain_delete(int argc, char **argv, const struct ctl_options *o);
int cmd_domain_key_instance(int argc, char **argv, const struct ctl_options *o);
int cmd_domain_key_list(int argc, char **argv, const struct ctl_options *o);
int cmd_domain_key_add(int argc, char **argv, const struct ctl_options *o);
int cmd_domain_key_activate(int argc, char **argv, const struct ctl_options *o);
int cmd_domain_key_remove(int argc, char **argv, const struct ctl_options *o);
int cmd_credential_create(int argc, char **argv, const struct ctl_options *o);
int cmd_credential_list(int argc, char **argv, const struct ctl_options *o);
int cmd_credential_show(int argc, char **argv, const struct ctl_options *o);
int cmd_credential_set(int argc, char **argv, const struct ctl_options *o);
int cmd_credential_delete(int argc, char **argv, const struct ctl_options *o);
int cmd_message_list(int argc, char **argv, const struct ctl_options *o);
int cmd_message_show(int argc, char **argv, const struct ctl_options *o);
int cmd_message_raw(int argc, char **argv, const struct ctl_options *o);
int cmd_queue_list(int argc, char **argv, const struct ctl_options *o);
int cmd_queue_show(int argc, char **argv, const struct ctl_options *o);
int cmd_queue_hold(int argc, char **argv, const struct ctl_options *o);
int cmd_queue_release(int argc, char **argv, const struct ctl_options *o);
int cmd_queue_retry(int argc, char **argv, const struct ctl_options *o);
int cmd_queue_cancel(int argc, char **argv, const struct ctl_options *o);
int cmd_queue_pause(int argc, char **argv, const struct ctl_options *o);
int cmd_queue_resume(int argc, char **argv, const struct ctl_options *o);
int cmd_suppression_list(int argc, char **argv, const struct ctl_options *o);
int cmd_suppression_show(int argc, char **argv, const struct ctl_options *o);
int cmd_suppression_add(int argc, char **argv, const struct ctl_options *o);
int cmd_suppression_remove(int argc, char **argv, const struct ctl_options *o);
int cmd_suppression_import(int argc, char **argv, const struct ctl_options *o);
int cmd_suppression_export(int argc, char **argv, const struct ctl_options *o);
int cmd_events(int argc, char **argv, const struct ctl_options *o);
int cmd_limits_show(int argc, char **argv, const struct ctl_options *o);
int cmd_sendmail(int argc, char **argv, const struct ctl_options *o);
int cmd_verify(int argc, char **argv, const struct ctl_options *o);
int cmd_trace(int argc, char **argv, const struct ctl_options *o);
int cmd_config_check(int argc, char **argv, const struct ctl_options *o);
int cmd_config_show(int argc, char **argv, const struct ctl_options *o);

#endif
