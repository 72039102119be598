/*
 * supervise.c - `posthaste supervise DIR`: starts an instance's daemons and keeps them running.
 *
 * It works inside DIR with relative names only, holds the lock of run/supervisor.lock as long as
 * it lives, and is the only one who writes run/active.conf: a configuration that was read whole
 * and could be listened to.  Daemons read nothing else, so a broken posthaste.conf reaches none of
 * them.  Started as root it stays root, because it has to give each daemon its user again after
 * a death; it therefore reads nothing but its configuration, its own records and the answers to
 * one question at its 0700 door, in which there is nothing to parse.
 *
 * SIGHUP reads the configuration again, SIGTERM and SIGINT stop everything in the order in which
 * work is handed on (sup_stop_order).
 */
#include "ctl/supervise.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/ipc/chan.h"
#include "common/log.h"
#include "common/proc.h"
#include "ctl/ctl.h"
#include "ctl/sandbox_defaults.h"
#include "ctl/supervise_conf.h"
#include "ctl/supervise_daemon.h"
#include "ctl/supervise_status.h"

static struct {
	struct conf *conf;
	struct sup_sockets sockets;
	struct sup_pids pids;
	struct daemon daemons[ROLE_COUNT];
	int notify; /* NOTIFY_FD of who started us, or -1 */
	bool announced;
	bool stopping;
	size_t stop_at;
} sup = {.notify = -1};

/* telling who started us */

static void tell(const char *what, enum role r)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "STATUS=%s %s\n", what, role_name(r));

	if (sup.notify >= 0 && write(sup.notify, line, (size_t)n) < 0)
		sup.notify = -1; /* nobody waits any more */
}

static void tell_waiting(enum role r, pid_t pid)
{
	(void)pid;
	tell("waiting", r);
}

static void notify_take(void)
{
	const char *text = getenv("NOTIFY_FD");
	uint64_t fd;

	if (!text || span_u64(span_str(text), 1024, &fd) != 0)
		return;
	sup.notify = (int)fd;
	fcntl(sup.notify, F_SETFD, FD_CLOEXEC);
}

/* stop */

static bool is_used(enum role r)
{
	return role_program(r) && (r != ROLE_SINK || sup.conf->sink_listen.n);
}

static void stop_advance(void)
{
	for (; sup.stop_at < sup_stop_count; sup.stop_at++) {
		struct daemon *d = &sup.daemons[sup_stop_order[sup.stop_at]];

		if (daemon_is_down(d))
			continue;
		daemon_stop(d, sup_grace_ms(d->role, sup.conf->deliver_dot_timeout_ms));
		if (!daemon_is_down(d))
			return;
	}
	loop_stop();
}

static void on_stop(int signo)
{
	if (sup.stopping)
		return;
	sup.stopping = true;
	LOG(LOG_INFO, "stopping", KS("signal", signo == SIGINT ? "INT" : "TERM"));
	stop_advance();
}

/* daemons */

static bool all_ready(void)
{
	for (size_t i = 0; i < ROLE_COUNT; i++)
		if (sup.daemons[i].wanted && !sup.daemons[i].ready)
			return false;
	return true;
}

static void on_changed(struct daemon *d)
{
	if (sup.stopping) {
		stop_advance();
		return;
	}
	if (sup.announced)
		return;
	if (!d->ready && d->wanted)
		tell("died", d->role);
	if (!all_ready())
		return;
	sup.announced = true;
	proc_ready();
	sup.notify = -1;
}

static void on_child(int signo)
{
	int status;
	pid_t pid;

	(void)signo;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < ROLE_COUNT; i++)
			if (sup.daemons[i].pid == pid)
				daemon_exited(&sup.daemons[i], status);
}

static void daemons_start(void)
{
	static struct daemon_ctx ctx = {&sup.sockets, &sup.pids, on_changed};

	for (int r = 0; r < ROLE_COUNT; r++)
		daemon_init(&sup.daemons[r], (enum role)r, &ctx);
	for (int r = 0; r < ROLE_COUNT; r++)
		if (is_used((enum role)r))
			daemon_start(&sup.daemons[r]);
}

/* reload */

static void daemon_follow(struct daemon *d, bool same_sockets)
{
	int64_t grace_ms = sup_grace_ms(d->role, sup.conf->deliver_dot_timeout_ms);

	if (!is_used(d->role))
		daemon_stop(d, grace_ms);
	else if (!d->wanted)
		daemon_start(d);
	else if (!same_sockets)
		daemon_restart(d, grace_ms);
	else
		daemon_reload(d);
}

static void on_reload(int signo)
{
	struct sup_sockets old = sup.sockets;
	char error[CONF_ERROR_SIZE];
	bool same[ROLE_COUNT];

	(void)signo;
	if (sup.stopping)
		return;
	if (sup_conf_take(&sup.conf, &sup.sockets, error) != 0) {
		LOG(LOG_ERROR, "config-refused", KS("reason", error));
		return;
	}
	log_level_set(sup.conf->log_level);
	LOG(LOG_INFO, "config-loaded", KS("file", SUP_CONF_WRITTEN));
	for (int r = 0; r < ROLE_COUNT; r++)
		same[r] = sup_sockets_same(&old, &sup.sockets, (enum role)r);
	for (int r = 0; r < ROLE_COUNT; r++)
		daemon_follow(&sup.daemons[r], same[r]);
}

/* start */

static void folder_enter(const char *dir)
{
	if (chdir(dir) < 0)
		die(EX_NOINPUT, "%s: %s; name the folder of an instance", dir, strerror(errno));
	if (access("run/supervisor", W_OK) < 0)
		die(errno == ENOENT ? EX_NOINPUT : EX_NOPERM, "%s/run/supervisor: %s; %s", dir,
		    strerror(errno),
		    errno == ENOENT ? "`posthaste sandbox start` makes an instance"
				    : "run this as the user who made the instance");
}

static void lock_take(const char *dir)
{
	pid_t other = 0;
	int fd = sup_lock(&other); /* kept until we end */

	if (fd == -EWOULDBLOCK)
		die(EX_TEMPFAIL, "%s: already run by process %d; stop that one first", dir,
		    (int)other);
	if (fd < 0)
		die(EX_NOPERM,
		    "%s/run/supervisor.lock: %s; run this as the user who made the "
		    "instance",
		    dir, strerror(-fd));
}

static void conf_first(void)
{
	char error[CONF_ERROR_SIZE];

	if (sup_conf_take(&sup.conf, &sup.sockets, error) != 0) {
		unlink(SUP_PID_FILE);
		die(EX_CONFIG, "%s", error);
	}
	log_level_set(sup.conf->log_level);
}

static void begin(const char *dir)
{
	char error[SUP_ERROR_SIZE];
	int err;

	notify_take();
	folder_enter(dir);
	if (getuid() == 0 && sup_users_check(error) != 0)
		die(EX_NOUSER, "%s", error);
	lock_take(dir);
	err = sup_pid_write();
	if (err)
		die(EX_CANTCREAT, "%s/%s: %s; it must be possible to write there", dir,
		    SUP_PID_FILE, strerror(-err));
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* workers that lost their daemon */
	sup_leftovers_stop(sup_dot_timeout_ms(), tell_waiting);
	conf_first();
	/* an older control.db is brought up to date before a daemon reads it; if that fails mail is
	 * answered 4xx */
	if (sandbox_database() != 0)
		LOG(LOG_ERROR, "control-unavailable", KS("reason", "see the line before"));
	sup_pids_init(&sup.pids);
}

static void end(void)
{
	for (size_t i = 0; i < ROLE_COUNT; i++)
		daemon_done(&sup.daemons[i]);
	sup_status_done();
	sup_sockets_close(&sup.sockets);
	conf_free(&sup.conf);
	sup_pids_forget();
	unlink(SUP_PID_FILE);
	LOG(LOG_INFO, "down");
	loop_done();
}

int cmd_supervise(int argc, char **argv, const struct ctl_options *o)
{
	const char *dir = NULL;
	int err = ctl_args(argc, argv, o, NULL, 0, &dir, 0, 1);

	if (err)
		return err;
	if (!dir && !(dir = o->dir))
		return ctl_fail(EX_USAGE, "no folder given; write posthaste supervise DIR");
	proc_init("supervisor");
	begin(dir);
	loop_init();
	loop_on_signal(SIGCHLD, on_child);
	loop_on_signal(SIGTERM, on_stop);
	loop_on_signal(SIGINT, on_stop);
	loop_on_signal(SIGHUP, on_reload);
	if ((err = sup_status_listen(sup.daemons)) != 0)
		die(EX_OSERR, "run/supervisor/supervise: %s; the folder must be writable",
		    strerror(-err));
	LOG(LOG_INFO, "supervising", KS("version", POSTHASTE_VERSION));
	daemons_start();
	loop_run();
	end();
	return EX_OK;
}
