/*
 * oneuser.c - preloaded into mail servers in a user namespace that has one user only (servers.py).
 *
 * Becoming another user, and giving files to one, is said to have been done.  Nothing is, but that
 * the process is told that it is, since Exim looks.  After an exec it is root again.
 */
#include <grp.h>
#include <unistd.h>

static uid_t user;
static gid_t group;

static int become(uid_t uid)
{
	if (uid != (uid_t)-1)
		user = uid;
	return 0;
}

static int join(gid_t gid)
{
	if (gid != (gid_t)-1)
		group = gid;
	return 0;
}

uid_t getuid(void)
{
	return user;
}

uid_t geteuid(void)
{
	return user;
}

int setuid(uid_t uid)
{
	return become(uid);
}

int seteuid(uid_t uid)
{
	return become(uid);
}

int setresuid(uid_t real, uid_t effective, uid_t saved)
{
	(void)real, (void)saved;
	return become(effective);
}

gid_t getgid(void)
{
	return group;
}

gid_t getegid(void)
{
	return group;
}

int setgid(gid_t gid)
{
	return join(gid);
}

int setegid(gid_t gid)
{
	return join(gid);
}

int setresgid(gid_t real, gid_t effective, gid_t saved)
{
	(void)real, (void)saved;
	return join(effective);
}

int setgroups(size_t n, const gid_t *groups)
{
	(void)n, (void)groups;
	return 0;
}

int initgroups(const char *name, gid_t gid)
{
	(void)name, (void)gid;
	return 0;
}

int chown(const char *path, uid_t uid, gid_t gid)
{
	(void)path, (void)uid, (void)gid;
	return 0;
}

int fchown(int fd, uid_t uid, gid_t gid)
{
	(void)fd, (void)uid, (void)gid;
	return 0;
}
