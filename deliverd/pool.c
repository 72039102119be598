/*
 * pool.c - see pool.h.
 */
#include "deliverd/pool.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "deliverd/worker.h"

enum { BACKOFF_FIRST_MS = 200, BACKOFF_MAX_MS = 5000, STEADY_MS = 10000 };

static struct {
	size_t count;
	struct pool_worker worker[POOL_MAX];
	struct conf **conf;
	uint64_t started;
	bool stopping;
	void (*on_new)(struct pool_worker *w);
} pool;

static size_t living(void)
{
	size_t n = 0;

	for (size_t i = 0; i < pool.count; i++)
		n += pool.worker[i].pid != 0;
	return n;
}

/* A worker says nothing on CONTROL; its end is told by SIGCHLD. */
static void on_message(struct chan *c, const struct ipc_msg *m, int *fd, void *arg)
{
	(void)c;
	(void)m;
	(void)fd;
	(void)arg;
}

static void on_closed(struct chan *c, void *arg)
{
	struct pool_worker *w = arg;

	(void)c;
	w->control = NULL;
}

static const struct chan_ops control_ops = {on_message, on_closed};

/* Closes all descriptors of the parent's, begins a loop of our own. */
static void child_begin(int control)
{
	unsetenv("NOTIFY_FD");
	if (control > 3)
		close_range(3, (unsigned)control - 1, 0);
	close_range((unsigned)control + 1, ~0U, 0);
	loop_init();
}

/* The pid, or -errno; in the parent. */
static pid_t start_process(int control)
{
	pid_t pid = proc_fork_worker();

	if (pid == 0) {
		child_begin(control);
		worker_run(control, *pool.conf);
	}
	return pid < 0 ? -errno : pid;
}

static void again(struct pool_worker *w)
{
	bool steady = mono_now().ms - w->started_ms >= STEADY_MS;

	w->backoff_ms = steady || !w->backoff_ms ? BACKOFF_FIRST_MS : w->backoff_ms * 2;
	if (w->backoff_ms > BACKOFF_MAX_MS)
		w->backoff_ms = BACKOFF_MAX_MS;
	loop_timer_set(w->restart, w->backoff_ms);
}

static bool start(struct pool_worker *w)
{
	int pair[2];
	pid_t pid;

	w->started_ms = mono_now().ms;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
		LOG(LOG_ERROR, "worker-not-started", KERR(errno));
		return false;
	}
	pid = start_process(pair[1]);
	fd_close(&pair[1]);
	if (pid < 0) {
		LOG(LOG_ERROR, "worker-not-started", KERR((int)pid));
		fd_close(&pair[0]);
		return false;
	}
	w->pid = pid;
	w->id = (uint64_t)pid << 20 | (++pool.started & 0xfffff);
	w->control = chan_new(pair[0], IPC_DOOR_CONTROL, IPC_LISTENER, &control_ops, w);
	return true;
}

static void on_restart(void *arg)
{
	struct pool_worker *w = arg;

	if (pool.stopping || w->pid)
		return;
	if (!start(w))
		again(w);
	else if (pool.on_new)
		pool.on_new(w);
}

static void ended(struct pool_worker *w, int status)
{
	if (status != 0)
		LOG(LOG_ERROR, "worker-died", KI("worker", w->pid),
		    KI("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
		    KI("status", WIFEXITED(status) ? WEXITSTATUS(status) : 0));
	else if (!pool.stopping)
		LOG(LOG_INFO, "worker-ended", KI("worker", w->pid));
	w->pid = 0;
	chan_free(&w->control);
	if (!pool.stopping)
		again(w);
}

static void on_child(int signo)
{
	int status;
	pid_t pid;

	(void)signo;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < pool.count; i++)
			if (pool.worker[i].pid == pid)
				ended(&pool.worker[i], status);
	if (pool.stopping && !living())
		loop_stop();
}

void pool_start(size_t count, struct conf **conf)
{
	pool.count = size_min(count, POOL_MAX);
	pool.conf = conf;
	loop_on_signal(SIGCHLD, on_child);
	for (size_t i = 0; i < pool.count; i++) {
		struct pool_worker *w = &pool.worker[i];

		w->restart = loop_timer_new(on_restart, w);
		if (!start(w))
			die(EX_OSERR, "cannot start a worker: %s", strerror(errno));
	}
}

struct pool_worker *pool_next(size_t *at)
{
	while (*at < pool.count) {
		struct pool_worker *w = &pool.worker[(*at)++];

		if (w->pid && w->control)
			return w;
	}
	return NULL;
}

void pool_on_new(void (*fn)(struct pool_worker *w))
{
	pool.on_new = fn;
}

void pool_signal(int signo)
{
	for (size_t i = 0; i < pool.count; i++)
		if (pool.worker[i].pid)
			kill(pool.worker[i].pid, signo);
}

void pool_stop(void)
{
	pool.stopping = true;
	pool_signal(SIGTERM);
	if (!living())
		loop_stop();
}
