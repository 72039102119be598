#include "ctl/sandbox_make.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/proc.h"
#include "common/roles.h"
#include "ctl/ctl.h"
#include "ctl/sandbox_conf.h"
#include "ctl/supervise_conf.h"
#include "ctl/supervise_spawn.h"

static const char start_lock[] = "run/start.lock";
static const char zone_file[] = SANDBOX_ZONE;

/* the folder itself */

/* Like mkdir -p; -errno. */
static int folder_make(const char *dir)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s", dir);

	if (n <= 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	for (char *p = path + 1;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		if (c == '\0')
			return 0;
		*p = c;
	}
}

/* Something that no start of ours has left behind. */
static bool is_strange(const char *name)
{
	static const char temp[] = SUP_CONF_WRITTEN ".tmp";

	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, "run") != 0 &&
	       strcmp(name, "lost+found") != 0 && strncmp(name, temp, sizeof(temp) - 1) != 0;
}

static int refuse_strange(const char *dir)
{
	DIR *d;
	struct dirent *e;
	int code = 0;

	if (access(SUP_CONF_WRITTEN, F_OK) == 0)
		return 0;
	d = opendir(".");
	while (d && !code && (e = readdir(d)))
		if (is_strange(e->d_name))
			code = ctl_fail(EX_CANTCREAT,
					"%s is no instance, and it is not empty (%s); "
					"name a new folder",
					dir, e->d_name);
	if (d)
		closedir(d);
	return code;
}

/* Daemons have their own users when root starts them, and must be able to pass. */
static int folder_settle(const char *dir)
{
	struct stat st;

	if (stat(".", &st) < 0)
		return ctl_fail(EX_OSERR, "%s: %s", dir, strerror(errno));
	if (st.st_uid != geteuid())
		return ctl_fail(EX_NOPERM,
				"%s belongs to user %u, and you are user %u; start it as "
				"its owner, or name a new folder",
				dir, (unsigned)st.st_uid, (unsigned)geteuid());
	if (geteuid() == 0 && (st.st_mode & 0011) != 0011 &&
	    chmod(".", (st.st_mode & 07777) | 0011) < 0)
		return ctl_fail(EX_NOPERM, "%s: cannot let its daemons pass: %s", dir,
				strerror(errno));
	return 0;
}

int sandbox_enter(const char *dir)
{
	char error[SUP_ERROR_SIZE];
	int err, code;

	if (geteuid() == 0 && sup_users_check(error) != 0)
		return ctl_fail(EX_NOUSER, "%s", error);
	umask(022);
	err = folder_make(dir);
	if (err)
		return ctl_fail(EX_CANTCREAT, "%s: %s; name a folder that you may make or write",
				dir, strerror(-err));
	if (chdir(dir) < 0)
		return ctl_fail(EX_CANTCREAT, "%s: %s; name a folder that you may enter", dir,
				strerror(errno));
	code = refuse_strange(dir);
	return code ? code : folder_settle(dir);
}

int sandbox_lock(const char *dir, int *fd_out)
{
	int fd;

	if (mkdir("run", 0755) < 0 && errno != EEXIST)
		return ctl_fail(EX_CANTCREAT, "%s/run: %s; name a folder that you may write", dir,
				strerror(errno));
	fd = open(start_lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) < 0) {
		int code = ctl_fail(EX_CANTCREAT, "%s/%s: %s; the folder must be writable", dir,
				    start_lock, strerror(errno));

		fd_close(&fd);
		return code;
	}
	*fd_out = fd;
	return 0;
}

/* configuration */

static bool port_is_free(uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return fd >= 0 && bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0;
}

/* Below the range that the kernel takes outgoing ports from, or a connection could hold one of
 * ours when the sandbox is started again. */
static int ports_choose(uint16_t port[SANDBOX_PORTS])
{
	enum { LOWEST = 12000, COUNT = 20000, TRIES = 1000 };
	size_t n = 0;

	for (int i = 0; i < TRIES && n < SANDBOX_PORTS; i++) {
		uint16_t candidate = (uint16_t)(LOWEST + randombytes_uniform(COUNT));
		bool taken = false;

		for (size_t k = 0; k < n; k++)
			taken |= port[k] == candidate;
		if (!taken && port_is_free(candidate))
			port[n++] = candidate;
	}
	if (n < SANDBOX_PORTS)
		return ctl_fail(EX_UNAVAILABLE,
				"there are no free ports from %d to %d at 127.0.0.1; "
				"end what holds them",
				LOWEST, LOWEST + COUNT - 1);
	return 0;
}

static int conf_read(struct buf *out)
{
	uint16_t port[SANDBOX_PORTS];
	int code, err = file_read(SUP_CONF_WRITTEN, CONF_FILE_MAX, out);

	if (err == 0)
		return 0;
	buf_init(out, CONF_FILE_MAX);
	if (err != -ENOENT)
		return ctl_fail(EX_NOINPUT, "%s: %s; make it readable", SUP_CONF_WRITTEN,
				strerror(-err));
	code = ports_choose(port);
	if (!code)
		sandbox_conf_text(port, out);
	return code;
}

static int conf_write(struct span before, struct span after)
{
	char error[CONF_ERROR_SIZE];
	struct conf *c = NULL;
	int err;

	if (conf_parse(SUP_CONF_WRITTEN, after, &c, error) != 0)
		return ctl_fail(EX_CONFIG, "%s", error);
	conf_free(&c);
	if (span_eq(before, after) && access(SUP_CONF_WRITTEN, F_OK) == 0)
		return 0;
	err = file_replace(SUP_CONF_WRITTEN, after, 0644);
	return err ? ctl_fail(EX_CANTCREAT, "%s: %s; the folder must be writable and have room",
			      SUP_CONF_WRITTEN, strerror(-err))
		   : 0;
}

int sandbox_conf(const char *relay, const char *routes)
{
	struct buf text, with_relay, all;
	int code = conf_read(&text);

	buf_init(&with_relay, CONF_FILE_MAX);
	buf_init(&all, CONF_FILE_MAX);
	if (!code) {
		sandbox_conf_set(buf_span(&text), "deliver.relay", span_str(relay), &with_relay);
		sandbox_conf_set(buf_span(&with_relay), "deliver.mx", span_str(routes), &all);
		code = conf_write(buf_span(&text), buf_span(&all));
	}
	buf_done(&text);
	buf_done(&with_relay);
	buf_done(&all);
	return code;
}

/* what is below */

static int place_settle(const struct role_place *p, int fd)
{
	struct group *gr = getgrnam(p->group ? p->group : "posthaste");
	uid_t uid = p->owner == ROLE_ROOT ? 0 : role_uid(p->owner);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (geteuid() == 0 && !gr)
		return -ENOENT;
	if (geteuid() == 0 && (st.st_uid != uid || st.st_gid != gr->gr_gid) &&
	    fchown(fd, uid, gr->gr_gid) < 0)
		return -errno;
	return fchmod(fd, p->mode) < 0 ? -errno : 0;
}

static int place_make(const struct role_place *p)
{
	AUTO_CLOSE int fd = -1;
	int err = 0;

	if (mkdir(p->path, 0700) < 0 && errno != EEXIST)
		err = -errno;
	if (!err && (fd = open(p->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		err = -errno;
	if (!err)
		err = place_settle(p, fd);
	return err ? ctl_fail(EX_CANTCREAT, "%s: %s; start the instance as the user who made it",
			      p->path, strerror(-err))
		   : 0;
}

static int zone_make(void)
{
	struct buf text;
	int err;

	if (access(zone_file, F_OK) == 0)
		return 0;
	buf_init(&text, CONF_FILE_MAX);
	sandbox_zone_text(&text);
	err = file_replace(zone_file, buf_span(&text), 0644);
	buf_done(&text);
	return err ? ctl_fail(EX_CANTCREAT, "%s: %s; the folder must be writable and have room",
			      zone_file, strerror(-err))
		   : 0;
}

int sandbox_make(void)
{
	int code = 0;

	for (size_t i = 0; i < role_place_count && !code; i++)
		code = place_make(&role_places[i]);
	if (!code)
		code = zone_make();
	if (!code)
		code = sandbox_secrets();
	return code ? code : sandbox_tls();
}
