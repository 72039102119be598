#include "ctl/supervise_daemon.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"

enum {
	DELAY_MIN_MS = 100,
	DELAY_MAX_MS = 5000,
	SETTLED_MS = 30000, /* a life as long as this is a good one */
	LOOK_MS = 50,
	KILL_MS = 5000, /* how long SIGKILL may take before we go on without having seen the end */
};

static const struct daemon_ctx *ctx;

static const char *name_of(const struct daemon *d)
{
	return role_name(d->role);
}

static void changed(struct daemon *d)
{
	ctx->changed(d);
}

/* ready */

static void notify_close(struct daemon *d)
{
	loop_fd_free(&d->notify_watch);
	fd_close(&d->notify);
}

static void notify_readable(int fd, bool readable, bool writable, void *arg)
{
	struct daemon *d = arg;
	char text[64];
	ssize_t n = read(fd, text, sizeof(text));

	(void)readable;
	(void)writable;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	notify_close(d);
	if (n < 7 || memcmp(text, "READY=1", 7) != 0)
		return;
	d->ready = true;
	if (d->reload_due)
		daemon_reload(d);
	changed(d);
}

/* start */

static void start_later(struct daemon *d)
{
	loop_timer_set(d->timer, d->delay_ms);
	d->delay_ms = d->delay_ms * 2 < DELAY_MAX_MS ? d->delay_ms * 2 : DELAY_MAX_MS;
}

static void record(struct daemon *d)
{
	int err = sup_pids_add(ctx->pids, d->role, d->pid);

	if (!err)
		err = sup_pids_write(ctx->pids);
	if (err)
		LOG(LOG_ERROR, "pids-unwritten", KERR(err));
}

static void start_now(struct daemon *d)
{
	struct sup_child child;
	int err = sup_spawn(d->role, ctx->sockets, &child);

	d->started = mono_now();
	d->ready = d->stopping = d->killed = d->reload_due = false;
	if (err) {
		LOG(LOG_ERROR, "start-failed", KS("daemon", name_of(d)), KERR(err));
		start_later(d);
		changed(d);
		return;
	}
	d->pid = d->group = child.pid;
	d->notify = child.notify;
	d->notify_watch = loop_fd_new(d->notify, notify_readable, d);
	loop_fd_want(d->notify_watch, true, false);
	record(d);
	sup_spawn_go(&child);
	LOG(LOG_INFO, "started", KS("daemon", name_of(d)), KI("pid", d->pid));
}

void daemon_start(struct daemon *d)
{
	d->wanted = true;
	if (d->pid == 0 && !d->draining)
		start_now(d);
}

/* end */

static bool group_is_there(const struct daemon *d)
{
	return kill(-d->group, 0) == 0;
}

static void kill_group(struct daemon *d)
{
	LOG(LOG_ERROR, "killed", KS("daemon", name_of(d)), KI("pid", d->group));
	d->killed = true;
	d->deadline = (struct mono){mono_now().ms + KILL_MS};
	if (kill(-d->group, SIGKILL) < 0 && d->pid)
		kill(d->pid, SIGKILL);
}

static void drained(struct daemon *d)
{
	d->draining = false;
	d->stopping = false;
	if (d->wanted)
		start_now(d);
	changed(d);
}

static void look_again(struct daemon *d)
{
	bool late = mono_now().ms >= d->deadline.ms;

	if (!group_is_there(d) || (late && d->killed)) {
		drained(d);
		return;
	}
	if (late)
		kill_group(d);
	loop_timer_set(d->timer, LOOK_MS);
}

static void timer_fired(void *arg)
{
	struct daemon *d = arg;

	if (d->draining)
		look_again(d);
	else if (d->pid && d->stopping)
		kill_group(d);
	else if (!d->pid && d->wanted)
		start_now(d);
}

static void end(struct daemon *d, int64_t grace_ms)
{
	d->stopping = true;
	d->ready = false;
	d->deadline = (struct mono){mono_now().ms + grace_ms};
	kill(d->pid, SIGTERM);
	loop_timer_set(d->timer, grace_ms);
}

void daemon_stop(struct daemon *d, int64_t grace_ms)
{
	d->wanted = false;
	if (d->pid && !d->stopping)
		end(d, grace_ms);
	else if (!d->pid && !d->draining)
		loop_timer_stop(d->timer);
}

void daemon_restart(struct daemon *d, int64_t grace_ms)
{
	if (d->pid && !d->stopping)
		end(d, grace_ms);
}

void daemon_reload(struct daemon *d)
{
	if (d->pid == 0)
		return; /* it will read the new one */
	d->reload_due = !d->ready;
	if (d->ready)
		kill(d->pid, SIGHUP);
}

static void log_exit(const struct daemon *d, int status, int64_t delay_ms)
{
	bool signalled = WIFSIGNALED(status);
	const char *key = signalled ? "signal" : "status";
	int value = signalled ? WTERMSIG(status) : WEXITSTATUS(status);

	if (d->stopping)
		LOG(LOG_INFO, "exited", KS("daemon", name_of(d)), KI("pid", d->group),
		    KI(key, value));
	else
		LOG(LOG_ERROR, "exited", KS("daemon", name_of(d)), KI("pid", d->group),
		    KI(key, value), KI("restart_ms", delay_ms));
}

/* Workers of a daemon that was told to end are waited for; those of one that died unasked have
 * been told by the kernel, finish what they have, and the daemon is started beside them. */
void daemon_exited(struct daemon *d, int status)
{
	if (mono_now().ms - d->started.ms >= SETTLED_MS)
		d->delay_ms = DELAY_MIN_MS;
	log_exit(d, status, d->delay_ms);
	sup_pids_remove(ctx->pids, d->pid);
	notify_close(d);
	d->pid = 0;
	d->ready = false;
	if (d->stopping) {
		d->draining = true;
		look_again(d);
		return;
	}
	if (d->wanted)
		start_later(d);
	changed(d);
}

bool daemon_is_down(const struct daemon *d)
{
	return !d->wanted && d->pid == 0 && !d->draining;
}

void daemon_init(struct daemon *d, enum role r, const struct daemon_ctx *shared)
{
	*d = (struct daemon){.role = r, .notify = -1, .delay_ms = DELAY_MIN_MS};
	d->timer = loop_timer_new(timer_fired, d);
	ctx = shared;
}

void daemon_done(struct daemon *d)
{
	notify_close(d);
	loop_timer_free(&d->timer);
}
