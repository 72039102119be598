#include "common/proc.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/stream.h"

enum { LISTEN_FDS_FIRST = 3, SECRET_SIZE = 32 };

static const char active_conf[] = "run/active.conf";
static const char written_conf[] = "posthaste.conf";

void die(int code, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	LOG(LOG_ERROR, "fatal", KS("reason", text));
	exit(code);
}

static void all_descriptors(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
}

void proc_init(const char *daemon_name)
{
	log_init(daemon_name, LOG_INFO);
	signal(SIGPIPE, SIG_IGN);
	umask(027);
	tls_memory();
	all_descriptors();
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

void proc_not_root(void)
{
	if (getuid() == 0 || geteuid() == 0)
		die(EX_USAGE,
		    "a daemon does not run as root; start it by `posthaste sandbox start` "
		    "or a service unit that sets its user");
}

struct conf *proc_conf_load(void)
{
	char error[CONF_ERROR_SIZE];
	struct conf *c = NULL;
	const char *file = access(active_conf, R_OK) == 0 ? active_conf : written_conf;

	if (conf_load(file, &c, error) != 0)
		die(EX_CONFIG, "%s", error);
	log_level_set(c->log_level);
	return c;
}

bool proc_conf_reload(struct conf **c)
{
	char error[CONF_ERROR_SIZE];
	struct conf *fresh = NULL;
	const char *file = access(active_conf, R_OK) == 0 ? active_conf : written_conf;

	if (conf_load(file, &fresh, error) != 0) {
		LOG(LOG_ERROR, "config-refused", KS("reason", error));
		return false;
	}
	conf_free(c);
	*c = fresh;
	log_level_set(fresh->log_level);
	LOG(LOG_INFO, "config-loaded", KS("file", file));
	return true;
}

static void notify(const char *path, const char *text)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t n = strlen(path);

	if (fd < 0 || n >= sizeof(sun.sun_path))
		return;
	memcpy(sun.sun_path, path, n);
	if (sun.sun_path[0] == '@')
		sun.sun_path[0] = '\0';
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&sun,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		LOG(LOG_WARN, "notify-failed", KERR(errno));
}

/* A supervisor of ours hands over a descriptor by NOTIFY_FD: its folder's path may be too long
 * for a socket's name. */
void proc_ready(void)
{
	const char *path = getenv("NOTIFY_SOCKET"), *fd_text = getenv("NOTIFY_FD");
	uint64_t fd;

	if (fd_text && span_u64(span_str(fd_text), 1024, &fd) == 0) {
		if (write((int)fd, "READY=1\n", 8) != 8)
			LOG(LOG_WARN, "notify-failed", KERR(errno));
		close((int)fd);
	} else if (path) {
		notify(path, "READY=1");
	}
	unsetenv("NOTIFY_FD");
	LOG(LOG_INFO, "ready");
}

size_t proc_listen_fds(const char *name, int *fds, size_t max)
{
	struct span names = span_str(getenv("LISTEN_FDNAMES"));
	uint64_t count = 0;
	size_t found = 0;

	if (span_u64(span_str(getenv("LISTEN_FDS")), 1024, &count) != 0)
		return 0;
	for (uint64_t i = 0; i < count; i++) {
		struct span one = span_cut(&names, ':');

		if (!span_eq_str(one, name) || found == max)
			continue;
		fds[found] = LISTEN_FDS_FIRST + (int)i;
		fcntl(fds[found], F_SETFD, FD_CLOEXEC);
		fcntl(fds[found], F_SETFL, O_NONBLOCK);
		found++;
	}
	return found;
}

unsigned proc_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

void proc_die_with_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
	if (getppid() != parent)
		raise(SIGTERM);
}

static sigset_t signals_before;

pid_t proc_fork_worker(void)
{
	pid_t parent = getpid(), pid;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &signals_before);
	pid = fork();
	if (pid == 0) {
		loop_done();
		proc_die_with_parent(parent);
	} else {
		int saved = errno;

		sigprocmask(SIG_SETMASK, &signals_before, NULL);
		errno = saved;
	}
	return pid;
}

void proc_worker_started(void)
{
	sigprocmask(SIG_SETMASK, &signals_before, NULL);
}

void secret_load(const char *role, const char *name, uint8_t key[32])
{
	char path[256];
	struct buf b;
	int err;

	snprintf(path, sizeof(path), "secrets/%s/%s", role, name);
	err = file_read(path, SECRET_SIZE, &b);
	if (err)
		die(EX_NOINPUT,
		    "%s: %s; it is made by `posthaste sandbox start` and must be "
		    "readable by this daemon's user",
		    path, strerror(-err));
	if (b.n != SECRET_SIZE)
		die(EX_DATAERR, "%s: %zu bytes instead of %d; restore it from a backup", path, b.n,
		    SECRET_SIZE);
	memcpy(key, b.p, SECRET_SIZE);
	buf_done(&b);
}
