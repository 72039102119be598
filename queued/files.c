/*
 * files.c - the places of a message's file: spool/new, spool/cur, kept, spool/corrupt.
 *
 * Renames are not flushed: after a power cut the file is at its old place or its new one, and
 * either is found again at the start (docs/ARCHITECTURE.md, "On disk").
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/proc.h"
#include "queued/queued.h"

enum { KEPT_GONE = 0, SWEEP_BATCH = 2000 };

void files_init(void)
{
	char path[SPOOL_PATH_SIZE];

	for (int i = 0; i < 256; i++) {
		snprintf(path, sizeof(path), SPOOL_CUR "/%02x", i);
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			die(EX_CANTCREAT, "%s: %s; the folder must belong to queued's user", path,
			    strerror(errno));
	}
}

static int make_kept_folder(int64_t day, const struct qid *id)
{
	char path[SPOOL_PATH_SIZE];

	snprintf(path, sizeof(path), SPOOL_KEPT "/%lld", (long long)day);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	snprintf(path, sizeof(path), SPOOL_KEPT "/%lld/%s", (long long)day, id->s + QID_TEXT - 2);
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int files_to_cur(const char *from, const struct qid *id)
{
	char to[SPOOL_PATH_SIZE], folder[SPOOL_PATH_SIZE];
	int err;

	spool_path_cur(id, to);
	if (strcmp(from, to) == 0)
		return 0;
	err = file_rename(from, to);
	if (err != -ENOENT || access(from, F_OK) != 0)
		return err;
	/* it is its folder that is missing: a restored spool has no empty ones */
	snprintf(folder, sizeof(folder), SPOOL_CUR "/%s", id->s + QID_TEXT - 2);
	return mkdir(folder, 0700) < 0 ? -errno : file_rename(from, to);
}

void files_to_corrupt(const char *from, const char *name, const char *why)
{
	char to[SPOOL_PATH_SIZE];
	int err;

	snprintf(to, sizeof(to), SPOOL_CORRUPT "/%.64s", name);
	err = file_rename(from, to);
	if (err) /* it is found again at each scan */
		LOG_RATED(LOG_ALERT, "corrupt", from, KS("file", from), KS("reason", why),
			  KS("moved", strerror(-err)));
	else
		LOG(LOG_ALERT, "corrupt", KS("file", to), KS("reason", why), KS("moved", "yes"));
}

/* Where a try put it that did not live to say so. */
static int64_t find_kept(const struct qid *id)
{
	DIR *d = opendir(SPOOL_KEPT);
	int64_t found = KEPT_GONE;
	struct dirent *entry;
	uint64_t day;

	while (d && found == KEPT_GONE && (entry = readdir(d))) {
		char path[SPOOL_PATH_SIZE];

		if (span_u64(span_str(entry->d_name), INT32_MAX, &day) != 0)
			continue;
		spool_path_kept((int64_t)day, id, path);
		if (access(path, F_OK) == 0)
			found = (int64_t)day;
	}
	if (d)
		closedir(d);
	return found;
}

int64_t files_finish(const struct qid *id)
{
	char from[SPOOL_PATH_SIZE], to[SPOOL_PATH_SIZE];
	int64_t day = wall_day((struct wall){wall_now().ms + conf->retention_content_ms}) + 1;
	int err;

	spool_path_cur(id, from);
	if (conf->retention_content_ms == 0) {
		if (unlink(from) == 0 || errno == ENOENT)
			return KEPT_GONE;
		LOG(LOG_ERROR, "not-removed", KS("file", from), KERR(errno));
		return -1;
	}
	err = make_kept_folder(day, id);
	spool_path_kept(day, id, to);
	if (!err)
		err = file_rename(from, to);
	if (err == -ENOENT)
		return find_kept(id);
	if (err)
		LOG(LOG_ERROR, "not-kept", KS("file", from), KERR(err));
	return err ? -1 : day;
}

static int open_kept(const struct qid *id, struct spool_in *out, char why[SPOOL_WHY_SIZE])
{
	DIR *d = opendir(SPOOL_KEPT);
	struct dirent *entry;
	uint64_t day;
	int err = -ENOENT;

	while (d && err == -ENOENT && (entry = readdir(d))) {
		char path[SPOOL_PATH_SIZE];

		if (span_u64(span_str(entry->d_name), INT32_MAX, &day) != 0)
			continue;
		spool_path_kept((int64_t)day, id, path);
		err = spool_in_open(path, out, why);
	}
	if (d)
		closedir(d);
	return err;
}

int files_open(const struct qid *id, struct spool_in *out)
{
	char path[SPOOL_PATH_SIZE], why[SPOOL_WHY_SIZE];
	int err;

	spool_path_cur(id, path);
	err = spool_in_open(path, out, why);
	if (err == -ENOENT) { /* claimed, but the rename failed: the next scan repeats it */
		spool_path_new(SPOOL_NEW_SMTPD, id, path);
		err = spool_in_open(path, out, why);
	}
	if (err == -ENOENT)
		err = open_kept(id, out, why);
	return err;
}

/* One day's folder: kept/<day>/<2 hex>/<id>; at most *left files.  True: all of it. */
static bool remove_below(int above, const char *name, int depth, size_t *left)
{
	int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	while (d && *left && (entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		if (depth > 0) {
			remove_below(dirfd(d), entry->d_name, depth - 1, left);
		} else {
			unlinkat(dirfd(d), entry->d_name, 0);
			--*left;
		}
	}
	if (d)
		closedir(d);
	else
		fd_close(&fd);
	return unlinkat(above, name, AT_REMOVEDIR) == 0;
}

bool files_sweep(void)
{
	size_t left = SWEEP_BATCH;
	DIR *d = opendir(SPOOL_KEPT);
	int32_t today = wall_day(wall_now());
	struct dirent *entry;
	uint64_t day;

	while (d && left && (entry = readdir(d))) {
		if (span_u64(span_str(entry->d_name), INT32_MAX, &day) != 0 || (int64_t)day > today)
			continue;
		if (remove_below(dirfd(d), entry->d_name, 1, &left))
			LOG(LOG_INFO, "kept-removed", KU("day", day));
	}
	if (d)
		closedir(d);
	return left == 0;
}
