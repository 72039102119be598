/*
 * sandbox.c - posthaste sandbox start|stop|status.
 */
#include "ctl/sandbox.h"

#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "ctl/ctl.h"
#include "ctl/output.h"
#include "ctl/sandbox_conf.h"
#include "ctl/sandbox_defaults.h"
#include "ctl/sandbox_launch.h"
#include "ctl/sandbox_make.h"
#include "ctl/supervise_conf.h"
#include "ctl/supervise_status.h"

enum { PROGRESS_MS = 5000, LOOK_MS = 20 };

static int dir_of(const char *arg, const struct ctl_options *o, const char **dir_out)
{
	*dir_out = arg ? arg : o->dir;
	return *dir_out ? 0 : ctl_fail(EX_USAGE, "no folder given; name the sandbox's folder DIR");
}

/* start */

struct start {
	const char *dir;
	char abs[PATH_MAX];
	const char *relay;
	struct buf routes;
	pid_t pid;
	const char *what; /* started, reloaded, or running (already) */
};

static int start_args(int argc, char **argv, const struct ctl_options *o, struct start *s)
{
	struct ctl_list mx = {0};
	const char *args[1] = {NULL};
	const struct ctl_opt opts[] = {
		{"--relay", CTL_VALUE, &s->relay},
		{"--mx", CTL_LIST, &mx},
	};
	int code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), args, 0, 1);

	if (!code)
		code = dir_of(args[0], o, &s->dir);
	if (code)
		return code;
	if (s->relay[0] && !sandbox_is_hostport(span_str(s->relay)))
		return ctl_fail(EX_USAGE,
				"--relay %s: write HOST:PORT, like 127.0.0.1:2525 or "
				"[::1]:2525",
				s->relay);
	for (size_t i = 0; i < mx.n; i++) {
		if (!sandbox_is_route(span_str(mx.at[i])))
			return ctl_fail(EX_USAGE,
					"--mx %s: write DOMAIN=HOST:PORT, like "
					"example.com=127.0.0.1:2525",
					mx.at[i]);
		buf_fmt(&s->routes, "%s%s", i ? " " : "", mx.at[i]);
	}
	buf_byte(&s->routes, '\0');
	return 0;
}

static int start_run(struct start *s)
{
	pid_t running = sup_running();
	int code = 0;

	if (running < 0)
		return ctl_fail(EX_NOPERM,
				"%s/" SUP_LOCK_FILE ": %s; start it as the user who made "
				"it",
				s->dir, strerror(-running));
	s->pid = running;
	s->what = "running";
	if (running && sandbox_conf_differs()) {
		s->what = "reloaded";
		return sandbox_reload(s->abs, running);
	}
	if (running)
		return 0;
	s->what = "started";
	code = sandbox_make();
	if (!code)
		code = sandbox_database();
	return code ? code : sandbox_launch(s->abs, &s->pid);
}

static void start_json(const struct start *s, const struct conf *c)
{
	char env[PATH_MAX + sizeof(SANDBOX_ENV)];

	snprintf(env, sizeof(env), "%s/" SANDBOX_ENV, s->abs);
	out_json(json_pack("{s:o, s:o, s:o, s:o, s:o}", "dir", out_str(s->abs), "state",
			   out_str(s->what), "pid", out_uint((uint64_t)s->pid), "submission",
			   out_str(c->listen_submission.n ? c->listen_submission.at[0].text : ""),
			   "env", out_str(env)));
}

static void start_text(const struct start *s, const struct conf *c)
{
	struct table t;

	printf("sandbox %s: %s (supervisor: process %d)\n", s->abs,
	       strcmp(s->what, "running") == 0 ? "is running already" : s->what, (int)s->pid);
	table_init(&t, 2, NULL);
	table_str(&t, "  submission");
	table_fmt(&t, "%s, STARTTLS and AUTH; %s/" SANDBOX_ENV " has user and password",
		  c->listen_submission.n ? c->listen_submission.at[0].text : "none", s->abs);
	table_str(&t, "  log");
	table_fmt(&t, "%s/" SUP_LOG_FILE, s->abs);
	table_str(&t, "  received mail");
	table_fmt(&t, "%s/sink", s->abs);
	table_str(&t, "  try it");
	table_fmt(&t, "posthaste sandbox send %s", s->dir);
	table_str(&t, "  stop it");
	table_fmt(&t, "posthaste sandbox stop %s", s->dir);
	table_print(&t);
}

static int start_tell(const struct start *s, const struct ctl_options *o)
{
	int code = 0;
	struct conf *c = ctl_conf(&code);

	if (!c)
		return code;
	if (o->json)
		start_json(s, c);
	else
		start_text(s, c);
	conf_free(&c);
	return 0;
}

static int start(struct start *s, const struct ctl_options *o)
{
	int lock = -1, code = sandbox_enter(s->dir);

	if (!code && !getcwd(s->abs, sizeof(s->abs)))
		code = ctl_fail(EX_OSERR, "%s: %s; name a folder with a shorter path", s->dir,
				strerror(errno));
	if (!code)
		code = sandbox_lock(s->dir, &lock);
	if (!code)
		code = sandbox_conf(s->relay, (const char *)s->routes.p);
	if (!code)
		code = start_run(s);
	if (!code)
		code = sandbox_defaults(s->abs, &(struct ctl_options){.dir = s->dir});
	if (!code)
		code = start_tell(s, o);
	fd_close(&lock);
	return code;
}

int cmd_sandbox_start(int argc, char **argv, const struct ctl_options *o)
{
	struct start s = {.relay = ""};
	int code;

	if (sodium_init() < 0)
		return ctl_fail(EX_SOFTWARE, "libsodium does not work here");
	buf_init(&s.routes, CTL_LIST_MAX * 1024);
	code = start_args(argc, argv, o, &s);
	if (!code)
		code = start(&s, o);
	buf_done(&s.routes);
	return code;
}

/* stop */

static int enter(int argc, char **argv, const struct ctl_options *o, const char **dir_out)
{
	const char *args[1] = {NULL};
	int code = ctl_args(argc, argv, o, NULL, 0, args, 0, 1);

	if (!code)
		code = dir_of(args[0], o, dir_out);
	if (!code && chdir(*dir_out) < 0)
		code = ctl_fail(EX_NOINPUT, "%s: %s; name the sandbox's folder", *dir_out,
				strerror(errno));
	return code;
}

static void tell_waiting(enum role r, pid_t pid)
{
	fprintf(stderr,
		"posthaste: stopping %s (process %d), left by a supervisor that was "
		"killed\n",
		role_name(r), (int)pid);
}

/* Also what a killed supervisor has left. */
static int stop_rest(const char *dir, bool ran)
{
	pid_t pid = 0;
	int lock = sup_lock(&pid);
	size_t found = 0;

	if (lock == -EWOULDBLOCK)
		return 0; /* somebody has started it again */
	if (lock < 0 && lock != -ENOENT)
		return ctl_fail(EX_NOPERM,
				"%s/" SUP_LOCK_FILE ": %s; stop it as the user who started "
				"it",
				dir, strerror(-lock));
	log_level_set(LOG_ALERT);
	if (lock >= 0)
		found = sup_leftovers_stop(sup_dot_timeout_ms(), tell_waiting);
	fd_close(&lock);
	if (ran || found)
		printf("sandbox %s: stopped\n", dir);
	else
		printf("sandbox %s: nothing runs\n", dir);
	return 0;
}

static void stop_progress(const char *dir)
{
	struct sup_status s[ROLE_COUNT];
	int n = sup_status_ask(s, ARRAY_LEN(s));

	for (int i = 0; i < n; i++)
		if (s[i].pid)
			fprintf(stderr, "posthaste: sandbox %s: waiting for %s (process %d)%s\n",
				dir, s[i].name, (int)s[i].pid,
				strcmp(s[i].name, "deliverd") == 0
					? ", which waits for the replies to messages that it has "
					  "sent; interrupt this command if you will not wait, it "
					  "stops all the same"
					: "");
}

static int stop_wait(const char *dir, pid_t pid)
{
	struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
	int64_t next = mono_now().ms + PROGRESS_MS;

	if (kill(pid, SIGTERM) < 0 && errno != ESRCH)
		return ctl_fail(EX_NOPERM,
				"%s: cannot stop process %d: %s; stop it as the user who "
				"started it",
				dir, (int)pid, strerror(errno));
	while (sup_running() == pid) {
		if (mono_now().ms >= next) {
			stop_progress(dir);
			next += 4 * PROGRESS_MS;
		}
		nanosleep(&pause, NULL);
	}
	return 0;
}

int cmd_sandbox_stop(int argc, char **argv, const struct ctl_options *o)
{
	const char *dir;
	int code = enter(argc, argv, o, &dir);
	pid_t pid;

	if (code)
		return code;
	pid = sup_running();
	if (pid > 1)
		code = stop_wait(dir, pid);
	return code ? code : stop_rest(dir, pid > 1);
}

/* status */

static void status_json(const struct sup_status *s)
{
	out_json(json_pack("{s:o, s:o, s:b}", "daemon", out_str(s->name), "pid",
			   s->pid ? out_uint((uint64_t)s->pid) : json_null(), "ready", s->ready));
}

static void status_text(const struct sup_status *s, int n)
{
	static const char *const heads[] = {"DAEMON", "PID", "READY"};
	struct table t;

	table_init(&t, ARRAY_LEN(heads), heads);
	for (int i = 0; i < n; i++) {
		table_str(&t, s[i].name);
		if (s[i].pid)
			table_fmt(&t, "%d", (int)s[i].pid);
		else
			table_str(&t, "-");
		table_str(&t, s[i].ready ? "yes" : "no");
	}
	table_print(&t);
}

static int status_fail(const char *dir, int err)
{
	if (err == -EACCES || err == -EPERM)
		return ctl_fail(EX_NOPERM, "%s: %s; ask as the user who started it", dir,
				strerror(-err));
	return ctl_fail(EX_UNAVAILABLE,
			"nothing runs in %s; start it by `posthaste sandbox start "
			"%s`",
			dir, dir);
}

int cmd_sandbox_status(int argc, char **argv, const struct ctl_options *o)
{
	struct sup_status s[ROLE_COUNT];
	const char *dir;
	int n, code = enter(argc, argv, o, &dir);

	if (code)
		return code;
	n = sup_status_ask(s, ARRAY_LEN(s));
	if (n < 0)
		return status_fail(dir, n);
	if (!o->json)
		status_text(s, n);
	for (int i = 0; i < n && o->json; i++)
		status_json(&s[i]);
	return EX_OK;
}
