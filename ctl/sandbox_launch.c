#include "ctl/sandbox_launch.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/proc.h"
#include "ctl/ctl.h"
#include "ctl/supervise_conf.h"
#include "ctl/supervise_status.h"

enum {
	READY_MS = 60000, /* for all daemons */
	RELOAD_MS = 10000,
	SETTLE_MS = 200, /* for a daemon to see SIGHUP */
	DEATHS_MAX = 6,	 /* of one daemon, before it counts as unable to start */
	NOTIFY = 3,
	TAIL_LINES = 12,
	TAIL_BYTES = 16384,
};

struct launch {
	const char *abs;
	pid_t pid;
	int notify;
	off_t log_begin; /* what is in the log before */
	unsigned deaths[ROLE_COUNT];
	struct buf in;
};

/* the log */

static off_t log_size(void)
{
	struct stat st;

	return stat(SUP_LOG_FILE, &st) == 0 ? st.st_size : 0;
}

static bool is_complaint(struct span line)
{
	return memmem(line.p, line.n, "]: error ", 9) || memmem(line.p, line.n, "]: alert ", 9);
}

/* The last lines of text that complain, or, when none does, the last of all. */
static void print_last(struct span text, bool complaints)
{
	struct span lines[TAIL_LINES], rest = text;
	size_t n = 0;

	while (rest.n) {
		struct span line = span_cut(&rest, '\n');

		if (!complaints || is_complaint(line))
			lines[n++ % TAIL_LINES] = line;
	}
	for (size_t i = n > TAIL_LINES ? n - TAIL_LINES : 0; i < n; i++)
		fprintf(stderr, "%.*s\n", SPAN_FMT(lines[i % TAIL_LINES]));
	if (!n && complaints)
		print_last(text, false);
}

/* What the log says since `begin`, on stderr. */
static void log_tail(const char *abs, off_t begin)
{
	char text[TAIL_BYTES];
	AUTO_CLOSE int fd = open(SUP_LOG_FILE, O_RDONLY | O_CLOEXEC);
	off_t size = log_size();
	ssize_t n;

	if (size - begin > TAIL_BYTES)
		begin = size - TAIL_BYTES;
	n = fd < 0 ? 0 : pread(fd, text, sizeof(text), begin);
	if (n <= 0)
		return;
	fprintf(stderr, "posthaste: %s/%s says:\n", abs, SUP_LOG_FILE);
	print_last(span_of(text, (size_t)n), true);
}

/* the supervisor's process */

NORETURN static void launch_fail(const char *what)
{
	fprintf(stderr, "posthaste: cannot start the supervisor: %s: %s\n", what, strerror(errno));
	_exit(EX_OSERR);
}

NORETURN static void supervisor_exec(const char *abs)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		execl(self, "posthaste", "supervise", abs, (char *)NULL);
	}
	execl("/proc/self/exe", "posthaste", "supervise", abs, (char *)NULL);
	launch_fail("exec");
}

/* Of our descriptors it keeps none: whoever waits for the end of our output must not wait for
 * the end of the sandbox. */
NORETURN static void supervisor_child(const char *abs, int notify)
{
	int null = open("/dev/null", O_RDONLY);
	int log = open(SUP_LOG_FILE, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0640);
	int safe = fcntl(notify, F_DUPFD_CLOEXEC, NOTIFY + 16);

	if (null < 0 || log < 0 || safe < 0)
		launch_fail(SUP_LOG_FILE);
	setsid();
	if (dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 || dup2(safe, NOTIFY) < 0)
		launch_fail("descriptors");
	close_range(NOTIFY + 1, UINT_MAX, 0);
	unsetenv("NOTIFY_SOCKET");
	setenv("NOTIFY_FD", "3", 1);
	supervisor_exec(abs);
}

static int launch_begin(struct launch *l, const char *abs)
{
	int p[2];

	*l = (struct launch){.abs = abs, .notify = -1, .log_begin = log_size()};
	buf_init(&l->in, LIMIT_IPC);
	if (pipe2(p, O_CLOEXEC) < 0)
		return ctl_fail(EX_OSERR, "cannot make a pipe: %s", strerror(errno));
	fflush(NULL);
	l->pid = fork();
	if (l->pid == 0)
		supervisor_child(abs, p[1]);
	fd_close(&p[1]);
	l->notify = p[0];
	return l->pid < 0 ? ctl_fail(EX_OSERR, "cannot start a process: %s", strerror(errno)) : 0;
}

static void launch_done(struct launch *l)
{
	fd_close(&l->notify);
	buf_done(&l->in);
}

/* waiting */

enum waited { WAIT_MORE, WAIT_READY, WAIT_LONGER, WAIT_FAILED };

/* "READY=1", "STATUS=died ROLE", "STATUS=waiting ROLE" */
static enum waited line_take(struct launch *l, struct span line)
{
	struct span word = span_cut(&line, ' ');

	if (span_eq_str(word, "READY=1"))
		return WAIT_READY;
	if (span_eq_str(word, "STATUS=waiting")) {
		fprintf(stderr, "posthaste: waiting for the end of an earlier %.*s\n",
			SPAN_FMT(line));
		return WAIT_LONGER;
	}
	for (int r = 0; r < ROLE_COUNT; r++)
		if (span_eq_str(word, "STATUS=died") &&
		    span_eq_str(line, role_name((enum role)r)) && ++l->deaths[r] >= DEATHS_MAX)
			return WAIT_FAILED;
	return WAIT_MORE;
}

static enum waited lines_take(struct launch *l)
{
	enum waited all = WAIT_MORE;
	size_t n;

	while (all != WAIT_READY && all != WAIT_FAILED &&
	       (n = span_find(buf_span(&l->in), '\n')) < l->in.n) {
		enum waited one = line_take(l, span_head(buf_span(&l->in), n));

		all = one == WAIT_MORE ? all : one;
		buf_drop(&l->in, n + 1);
	}
	return all;
}

static enum waited wait_some(struct launch *l, int timeout_ms)
{
	struct pollfd p = {.fd = l->notify, .events = POLLIN};
	int ready = poll(&p, 1, timeout_ms);
	uint8_t *room;
	ssize_t n;

	if (ready < 0)
		return errno == EINTR ? WAIT_MORE : WAIT_FAILED;
	room = buf_room(&l->in, 512);
	n = ready && room ? read(l->notify, room, 512) : 0;
	if (n <= 0)
		return WAIT_FAILED; /* too late, or its end */
	buf_used(&l->in, (size_t)n);
	return lines_take(l);
}

static bool wait_ready(struct launch *l)
{
	int64_t end = mono_now().ms + READY_MS, grace;
	enum waited w = WAIT_MORE;

	while (w == WAIT_MORE || w == WAIT_LONGER) {
		int64_t left = end - mono_now().ms;

		w = left > 0 ? wait_some(l, (int)left) : WAIT_FAILED;
		grace = sup_grace_ms(ROLE_DELIVERD, sup_dot_timeout_ms());
		if (w == WAIT_LONGER)
			end = mono_now().ms + READY_MS + grace;
	}
	return w == WAIT_READY;
}

/* failure */

static void name_unready(void)
{
	struct sup_status s[ROLE_COUNT];
	int n = sup_status_ask(s, ARRAY_LEN(s));

	for (int i = 0; i < n; i++)
		if (!s[i].ready)
			ctl_warn("%s is not ready", s[i].name);
}

/* The code of a supervisor that gave up by itself says more than ours. */
static int give_up(const struct launch *l)
{
	int status = 0;

	name_unready();
	kill(l->pid, SIGTERM);
	if (waitpid(l->pid, &status, 0) < 0)
		status = 0;
	log_tail(l->abs, l->log_begin);
	return ctl_fail(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status)
								 : EX_UNAVAILABLE,
			"the sandbox could not be started, and nothing of it runs; see above for "
			"the reason");
}

int sandbox_launch(const char *abs, pid_t *pid_out)
{
	struct launch l;
	int code = launch_begin(&l, abs);

	if (!code && !wait_ready(&l))
		code = give_up(&l);
	*pid_out = l.pid;
	launch_done(&l);
	return code;
}

/* reload */

bool sandbox_conf_differs(void)
{
	struct buf written, active;
	bool differ = true;

	if (file_read(SUP_CONF_WRITTEN, CONF_FILE_MAX, &written) != 0)
		return true;
	if (file_read(SUP_CONF_ACTIVE, CONF_FILE_MAX, &active) == 0) {
		differ = !span_eq(buf_span(&written), buf_span(&active));
		buf_done(&active);
	}
	buf_done(&written);
	return differ;
}

static void sleep_ms(long ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&ts, NULL);
}

static bool all_ready(void)
{
	struct sup_status s[ROLE_COUNT];
	int n = sup_status_ask(s, ARRAY_LEN(s));

	for (int i = 0; i < n; i++)
		if (!s[i].ready)
			return false;
	return n > 0;
}

int sandbox_reload(const char *abs, pid_t pid)
{
	off_t begin = log_size();
	int64_t end = mono_now().ms + RELOAD_MS;

	if (kill(pid, SIGHUP) < 0)
		return ctl_fail(EX_NOPERM,
				"cannot reach the supervisor (process %d): %s; run this "
				"as the user who started it",
				(int)pid, strerror(errno));
	while (sandbox_conf_differs() && mono_now().ms < end)
		sleep_ms(20);
	if (sandbox_conf_differs()) {
		log_tail(abs, begin);
		return ctl_fail(EX_CONFIG,
				"the running sandbox did not take the configuration, and "
				"keeps the one it had; see above for the reason");
	}
	sleep_ms(SETTLE_MS);
	for (end = mono_now().ms + READY_MS; !all_ready(); sleep_ms(50))
		if (mono_now().ms > end) {
			name_unready();
			return ctl_fail(EX_UNAVAILABLE,
					"not everything is ready after the reload; "
					"look at %s/%s",
					abs, SUP_LOG_FILE);
		}
	return 0;
}
