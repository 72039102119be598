/*
 * main.c - smtpd: receives mail by SMTP and puts it into the spool.
 *
 * Rights: accepts on its listening sockets, connects to nothing but run/queued/poke; writes
 * spool/new/smtpd; reads control/control.db, the TLS key, secrets/smtpd.  See README.md.
 *
 * The parent opens the sockets and the table that counts sessions, makes one worker a processor
 * and restarts what died; it takes no mail itself.
 */
#include <signal.h>
#include <sodium.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "common/spool/spool.h"
#include "smtpd/doors.h"
#include "smtpd/guard.h"
#include "smtpd/intake.h"
#include "smtpd/listener.h"

enum { WORKERS_MAX = 64, RESTART_MS = 500 };

static struct {
	pid_t pids[WORKERS_MAX];
	unsigned count;
	struct conf *conf;
	struct loop_timer *restart;
	bool stopping;
} self;

static void start_worker(unsigned i)
{
	pid_t pid = proc_fork_worker();

	if (pid < 0)
		LOG(LOG_ERROR, "worker-not-started", KERR(errno));
	if (pid == 0) {
		guard_worker(i);
		listener_work(self.conf);
		_exit(EX_OK);
	}
	self.pids[i] = pid > 0 ? pid : 0;
}

/* What dead writers left half-written. */
static void sweep(void)
{
	size_t swept = spool_sweep(SPOOL_NEW_SMTPD);

	if (swept)
		LOG(LOG_WARN, "swept", KS("folder", SPOOL_NEW_SMTPD), KU("files", swept));
}

static void start_missing(void *arg)
{
	(void)arg;
	sweep();
	for (unsigned i = 0; i < self.count && !self.stopping; i++)
		if (!self.pids[i])
			start_worker(i);
}

static unsigned alive(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < self.count; i++)
		n += self.pids[i] != 0;
	return n;
}

static void forget_worker(pid_t pid)
{
	for (unsigned i = 0; i < self.count; i++) {
		if (self.pids[i] != pid)
			continue;
		self.pids[i] = 0;
		guard_worker_died(i);
	}
}

static void on_child(int signo)
{
	int status;
	pid_t pid;

	(void)signo;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		forget_worker(pid);
		if (!self.stopping)
			LOG(LOG_ERROR, "worker-died", KI("worker", pid), KI("status", status));
	}
	if (self.stopping && !alive())
		loop_stop();
	else if (!self.stopping)
		loop_timer_set(self.restart, RESTART_MS);
}

static void pass_on(int signo)
{
	for (unsigned i = 0; i < self.count; i++)
		if (self.pids[i])
			kill(self.pids[i], signo);
}

static void on_term(int signo)
{
	(void)signo;
	self.stopping = true;
	pass_on(SIGTERM);
	if (!alive())
		loop_stop();
}

static void on_hup(int signo)
{
	const char *error;

	if (!proc_conf_reload(&self.conf))
		return;
	guard_configure(self.conf);
	error = listener_check_tls(self.conf); /* for workers that are started later */
	if (error)
		LOG(LOG_ERROR, "config-refused", KS("reason", error));
	pass_on(signo);
}

int main(void)
{
	const char *error;

	proc_init("smtpd");
	proc_not_root();
	must(sodium_init() >= 0);
	self.conf = proc_conf_load();
	error = listener_check_tls(self.conf);
	if (error)
		die(EX_CONFIG, "%s", error);
	doors_open(self.conf);
	guard_init();
	intake_share();
	guard_configure(self.conf);
	self.count = self.conf->smtpd_workers ? self.conf->smtpd_workers : proc_cpus();
	self.count = self.count > WORKERS_MAX ? WORKERS_MAX : self.count;
	loop_init();
	self.restart = loop_timer_new(start_missing, NULL);
	loop_on_signal(SIGCHLD, on_child);
	loop_on_signal(SIGTERM, on_term);
	loop_on_signal(SIGINT, on_term);
	loop_on_signal(SIGHUP, on_hup);
	start_missing(NULL);
	proc_ready();
	loop_run();
	return EX_OK;
}
