#include "ctl/supervise_spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/log.h"

enum { FIRST_FD = 3, SAFE_FD = 3 + SUP_SOCKETS_MAX + 8, KEPT_MAX = 64 };

/* What a daemon sees of our environment; the names that end in _ stand for all that begin so. */
static const char *const env_kept[] = {
	"PATH",		"TZ",
	"LANG",		"LC_",
	"LD_PRELOAD",	"LD_LIBRARY_PATH",
	"ASAN_OPTIONS", "UBSAN_OPTIONS",
	"LSAN_OPTIONS", "MALLOC_",
	"POSTHASTE_",
};

/* the folder of programs */

static int folder_with_programs(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (faccessat(fd, role_program(ROLE_SMTPD), F_OK, 0) == 0)
		return fd;
	fd_close(&fd);
	return -ENOENT;
}

int sup_program_folder(void)
{
	char self[PATH_MAX], lib[PATH_MAX + 32];
	const char *given = getenv("POSTHASTE_LIBEXEC");
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;
	int fd;

	if (given)
		return folder_with_programs(given);
	if (n < 0)
		return -errno;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	fd = folder_with_programs(self);
	if (fd >= 0)
		return fd;
	snprintf(lib, sizeof(lib), "%s/../lib/posthaste", self);
	return folder_with_programs(lib);
}

/* users */

int sup_users_check(char error[SUP_ERROR_SIZE])
{
	char user[32];

	for (size_t i = 0; i < role_place_count; i++) {
		const char *group = role_places[i].group ? role_places[i].group : "posthaste";

		if (!getgrnam(group)) {
			snprintf(error, SUP_ERROR_SIZE,
				 "there is no group %s; as root, make the "
				 "users and groups by `./quickstart deps`",
				 group);
			return -ENOENT;
		}
	}
	for (int r = 0; r < ROLE_COUNT; r++) {
		role_user((enum role)r, user);
		if (!getpwnam(user)) {
			snprintf(error, SUP_ERROR_SIZE,
				 "there is no user %s; as root, make the "
				 "users and groups by `./quickstart deps`",
				 user);
			return -ENOENT;
		}
	}
	return 0;
}

struct identity {
	char user[32];
	uid_t uid;
	gid_t gid;
};

static int identity_of(enum role r, struct identity *out)
{
	struct passwd *pw;

	role_user(r, out->user);
	errno = 0;
	pw = getpwnam(out->user);
	if (!pw)
		return errno ? -errno : -ENOENT;
	out->uid = pw->pw_uid;
	out->gid = pw->pw_gid;
	return out->uid == 0 ? -EPERM : 0;
}

/* in the child */

NORETURN static void child_fail(const char *what)
{
	LOG(LOG_ERROR, "start-failed", KS("step", what), KERR(errno));
	_exit(EX_OSERR);
}

static bool is_member(gid_t gid)
{
	gid_t all[NGROUPS_MAX];
	int n = getgroups(NGROUPS_MAX, all);

	for (int i = 0; i < n; i++)
		if (all[i] == gid)
			return true;
	return false;
}

/* initgroups() that cannot read all is content with what it has: without the group of its name
 * queued would run and claim nothing. */
static bool has_own_group(const struct identity *who)
{
	for (size_t i = 0; i < role_place_count; i++) {
		const char *group = role_places[i].group;
		struct group *g;

		if (!group || strcmp(group, who->user) != 0)
			continue;
		g = getgrnam(group);
		if (!g || !is_member(g->gr_gid))
			return false;
	}
	return true;
}

static void become(const struct identity *who)
{
	if (getuid() != 0)
		return;
	if (initgroups(who->user, who->gid) < 0 || setgid(who->gid) < 0 || setuid(who->uid) < 0)
		child_fail("user");
	if (!has_own_group(who))
		child_fail("groups");
	if (setuid(0) == 0 || getuid() != who->uid || geteuid() != who->uid)
		child_fail("user-kept");
}

/* Copies first go where no target is, then to their places. */
static size_t place_descriptors(enum role r, const struct sup_sockets *sockets, int notify)
{
	int from[SUP_SOCKETS_MAX + 1];
	size_t n = 0;

	for (size_t i = 0; i < sockets->n; i++)
		if (sockets->at[i].role == r)
			from[n++] = fcntl(sockets->at[i].fd, F_DUPFD_CLOEXEC, SAFE_FD);
	from[n] = fcntl(notify, F_DUPFD_CLOEXEC, SAFE_FD);
	for (size_t i = 0; i <= n; i++)
		if (from[i] < 0 || dup2(from[i], FIRST_FD + (int)i) < 0)
			child_fail("descriptors");
	return n;
}

static bool env_is_kept(const char *entry)
{
	for (size_t i = 0; i < ARRAY_LEN(env_kept); i++) {
		size_t n = strlen(env_kept[i]);

		if (strncmp(entry, env_kept[i], n) == 0 &&
		    (entry[n] == '=' || env_kept[i][n - 1] == '_'))
			return true;
	}
	return false;
}

static char *text_of(const char *fmt, ...) PRINTF(1, 2);
static char *text_of(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	must(vasprintf(&text, fmt, ap) >= 0);
	va_end(ap);
	return text;
}

static char **child_env(enum role r, const struct sup_sockets *sockets, size_t listening)
{
	char **env = mem_alloc((KEPT_MAX + 5) * sizeof(*env));
	struct buf names;
	size_t n = 0;

	for (char **e = environ; *e && n < KEPT_MAX; e++)
		if (env_is_kept(*e))
			env[n++] = *e;
	env[n++] = text_of("NOTIFY_FD=%zu", FIRST_FD + listening);
	if (listening == 0)
		return env;
	buf_init(&names, LIMIT_IPC);
	for (size_t i = 0; i < sockets->n; i++)
		if (sockets->at[i].role == r)
			buf_fmt(&names, "%s%s", names.n ? ":" : "", sockets->at[i].name);
	env[n++] = text_of("LISTEN_FDS=%zu", listening);
	env[n++] = text_of("LISTEN_FDNAMES=%.*s", SPAN_FMT(buf_span(&names)));
	env[n++] = text_of("LISTEN_PID=%d", (int)getpid());
	return env;
}

static void default_signals(void)
{
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void wait_for_go(int fd)
{
	char byte;

	if (read(fd, &byte, 1) != 1)
		_exit(0); /* the supervisor is gone; nobody knows of us */
}

NORETURN static void child_run(enum role r, const struct sup_sockets *sockets, int folder,
			       const struct identity *who, int notify, int go)
{
	char *argv[] = {text_of("%s", role_program(r)), NULL};
	char **env;
	size_t listening;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	log_init(role_name(r), LOG_INFO);
	default_signals();
	setpgid(0, 0);
	wait_for_go(go);
	folder = fcntl(folder, F_DUPFD_CLOEXEC, SAFE_FD);
	if (null < 0 || folder < 0 || dup2(null, 0) < 0 || dup2(2, 1) < 0)
		child_fail("descriptors");
	listening = place_descriptors(r, sockets, notify);
	env = child_env(r, sockets, listening);
	become(who);
	execveat(folder, argv[0], argv, env, 0);
	child_fail("exec");
}

/* in the supervisor */

int sup_spawn(enum role r, const struct sup_sockets *sockets, struct sup_child *out)
{
	int notify[2] = {-1, -1}, go[2] = {-1, -1}, err = 0, folder = sup_program_folder();
	struct identity who = {.uid = 0};
	sigset_t all, before;
	pid_t pid = -1;

	if (folder < 0)
		return folder;
	if (getuid() == 0)
		err = identity_of(r, &who);
	if (!err && (pipe2(notify, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(go, O_CLOEXEC) < 0))
		err = -errno;
	/* no signal may reach the loop's handlers, which the child still has, by way of it */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	if (!err && (pid = fork()) < 0)
		err = -errno;
	if (pid == 0) {
		fd_close(&go[1]);
		child_run(r, sockets, folder, &who, notify[1], go[0]);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	fd_close(&notify[1]);
	fd_close(&go[0]);
	fd_close(&folder);
	if (err) {
		fd_close(&notify[0]);
		fd_close(&go[1]);
		return err;
	}
	*out = (struct sup_child){.pid = pid, .notify = notify[0], .go = go[1]};
	return 0;
}

void sup_spawn_go(struct sup_child *c)
{
	ssize_t n = write(c->go, "g", 1);

	(void)n; /* a child that is gone is seen by its death */
	fd_close(&c->go);
}
