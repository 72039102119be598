/*
 * verify_places.c - folders of the instance, secrets, DKIM keys, and what only smtpd and root can
 * look at in its folder: the counter of copy ids and the files of dead writers.
 *
 * This runs as root where root started the instance, in folders that belong to daemons: nothing is
 * followed, and nothing but a plain file is read.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

#include "ctl/verify.h"

enum { SECRET_SIZE = 32, LOG_TAIL = 4 * 1024 * 1024, OLD_S = 60 };

/* Started by root, each daemon has its user; else all belongs to one. */
static bool has_owners(void)
{
	struct stat st;

	return stat(".", &st) == 0 && st.st_uid == 0;
}

/* "" or what is wrong with owner and mode. */
static void check_rights(const struct stat *st, enum role owner, mode_t mode, char detail[96])
{
	detail[0] = '\0';
	if ((st->st_mode & 07777) != mode)
		snprintf(detail, 96, "mode %04o instead of %04o", st->st_mode & 07777, mode);
	else if (owner != ROLE_ROOT && has_owners() && st->st_uid != role_uid(owner))
		snprintf(detail, 96, "owner %u instead of %u", st->st_uid, role_uid(owner));
}

static void check_place(struct verify *f, const struct role_place *p)
{
	struct stat st;
	char detail[96];

	if (lstat(p->path, &st) < 0) {
		if (errno == ENOENT)
			verify_add(f, FINDING_FOLDER, "it is missing", "%s", p->path);
		else
			verify_unread(f, p->path, errno);
		return;
	}
	check_rights(&st, p->owner, p->mode, detail);
	if (!S_ISDIR(st.st_mode))
		snprintf(detail, sizeof(detail), "it is no folder");
	if (detail[0])
		verify_add(f, FINDING_FOLDER, detail, "%s", p->path);
}

/* An open descriptor of a plain file; -errno, -EMLINK where it is something else. */
static int open_plain(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return errno == ELOOP ? -EMLINK : -errno;
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
		return fd;
	fd_close(&fd);
	return -EMLINK;
}

/* secrets/<role>/<name>, and where the other role keeps the same bytes. */
static const struct verify_secret {
	const char *path, *twin;
	enum role owner, twin_owner;
} secrets[] = {
	{"secrets/queued/token", NULL, ROLE_QUEUED, ROLE_ROOT},
	{"secrets/queued/grant", "secrets/signer/grant", ROLE_QUEUED, ROLE_SIGNER},
	{"secrets/smtpd/credential", "secrets/httpd/credential", ROLE_SMTPD, ROLE_HTTPD},
	{"secrets/smtpd/complaint", NULL, ROLE_SMTPD, ROLE_ROOT},
};

static void secret_failed(struct verify *f, const char *path, int err)
{
	if (err == -ENOENT)
		verify_add(f, FINDING_SECRET, "it is missing", "%s", path);
	else if (err == -EMLINK)
		verify_add(f, FINDING_SECRET, "it is no plain file", "%s", path);
	else
		verify_unread(f, path, err);
}

static bool read_secret(struct verify *f, const char *path, enum role owner,
			uint8_t out[SECRET_SIZE])
{
	struct stat st;
	char detail[96];
	AUTO_CLOSE int fd = open_plain(path, &st);

	if (fd < 0) {
		secret_failed(f, path, fd);
		return false;
	}
	check_rights(&st, owner, 0400, detail);
	if (st.st_size != SECRET_SIZE || read(fd, out, SECRET_SIZE) != SECRET_SIZE)
		snprintf(detail, sizeof(detail), "not %d bytes", SECRET_SIZE);
	if (detail[0])
		verify_add(f, FINDING_SECRET, detail, "%s", path);
	return !detail[0];
}

static void check_secret(struct verify *f, const struct verify_secret *s)
{
	uint8_t a[SECRET_SIZE], b[SECRET_SIZE];

	if (read_secret(f, s->path, s->owner, a) && s->twin &&
	    read_secret(f, s->twin, s->twin_owner, b) && sodium_memcmp(a, b, SECRET_SIZE) != 0)
		verify_add(f, FINDING_SECRET, "they differ", "%s, %s", s->path, s->twin);
	sodium_memzero(a, sizeof(a));
	sodium_memzero(b, sizeof(b));
}

/* keys */

static void read_key(struct verify *f, int folder, const char *name)
{
	struct verify_key *key;
	struct stat st;
	char detail[96];

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	check_rights(&st, ROLE_SIGNER, 0400, detail);
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		snprintf(detail, sizeof(detail), "it is no file with a key");
	if (detail[0])
		verify_add(f, FINDING_KEY, detail, "keys/%s", name);
	key = mem_alloc(sizeof(*key) + strlen(name) + 1);
	memcpy(key->name, name, strlen(name) + 1);
	hash_add(&f->keys, &key->node, span_str(key->name));
}

static void read_keys(struct verify *f)
{
	DIR *d = verify_folder(f, "keys");
	struct dirent *entry;

	f->keys_known = d != NULL;
	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.' && span_find(span_str(entry->d_name), ',') > 0)
			read_key(f, dirfd(d), entry->d_name);
	if (d)
		closedir(d);
}

/* smtpd's folder */

/* Locked or young: somebody writes it.  (A lock is taken only of what is old, as a writer that
 * has just made its file would be refused its own.) */
static bool is_abandoned(int folder, const char *name)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    (st.st_mode & 07777) != 0600 || wall_now().ms / 1000 - st.st_mtime < OLD_S)
		return false;
	fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0 && fstat(fd, &st) == 0 &&
	       (st.st_mode & 07777) == 0600;
}

static void check_abandoned(struct verify *f)
{
	DIR *d = verify_folder(f, SPOOL_NEW_SMTPD);
	struct dirent *entry;
	struct qid id;

	while (d && (entry = readdir(d)))
		if (qid_parse(span_str(entry->d_name), &id) == 0 &&
		    is_abandoned(dirfd(d), entry->d_name))
			verify_add(f, FINDING_UNFINISHED, "", SPOOL_NEW_SMTPD "/%s", id.s);
	if (d)
		closedir(d);
}

static void open_counter(struct verify *f)
{
	struct stat st;
	int fd = open_plain(SPOOL_NEW_SMTPD "/counter", &st);

	if (fd >= 0)
		f->counter_fd = fd;
	else if (fd == -EMLINK)
		verify_add(f, FINDING_COUNTER, "it is no plain file", SPOOL_NEW_SMTPD "/counter");
	else if (fd != -ENOENT)
		verify_unread(f, SPOOL_NEW_SMTPD "/counter", fd);
}

/* The reasons of what lies in spool/corrupt; nothing is wrong with a log that is elsewhere. */
static void read_log(struct verify *f)
{
	struct stat st;
	AUTO_CLOSE int fd = open_plain("log/posthaste.log", &st);
	uint8_t *room;
	ssize_t n;

	buf_init(&f->log, LOG_TAIL);
	room = fd >= 0 ? buf_room(&f->log, LOG_TAIL) : NULL;
	n = room ? pread(fd, room, LOG_TAIL, st.st_size > LOG_TAIL ? st.st_size - LOG_TAIL : 0) : 0;
	if (n > 0)
		buf_used(&f->log, (size_t)n);
}

void verify_places(struct verify *f)
{
	for (size_t i = 0; i < role_place_count; i++)
		check_place(f, &role_places[i]);
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		check_secret(f, &secrets[i]);
	read_keys(f);
	open_counter(f);
	check_abandoned(f);
	read_log(f);
}
