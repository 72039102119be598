#include "common/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read(const char *path, size_t max, struct buf *out)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	buf_init(out, max + 1);
	do {
		uint8_t *room = buf_room(out, size_min(65536, max + 1 - out->n));

		n = room ? read(fd, room, size_min(65536, max + 1 - out->n)) : 0;
		if (n > 0)
			buf_used(out, (size_t)n);
	} while (n > 0 && out->n <= max);
	if (n >= 0 && out->n <= max)
		return 0;
	int err = n < 0 ? -errno : -EFBIG;
	buf_done(out);
	return err;
}

static int write_all(int fd, struct span s)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno != EINTR)
			return -errno;
		s = span_from(s, n > 0 ? (size_t)n : 0);
	}
	return 0;
}

static int sync_folder_of(const char *path)
{
	char folder[4096];
	const char *slash = strrchr(path, '/');
	int n = slash ? snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path)
		      : snprintf(folder, sizeof(folder), ".");
	AUTO_CLOSE int fd = -1;

	if (n < 0 || (size_t)n >= sizeof(folder))
		return -ENAMETOOLONG;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int file_replace(const char *path, struct span text, mode_t mode)
{
	char temp[4096];
	int err, n = snprintf(temp, sizeof(temp), "%s.tmp%d", path, (int)getpid());
	AUTO_CLOSE int fd = -1;

	if (n < 0 || (size_t)n >= sizeof(temp))
		return -ENAMETOOLONG;
	unlink(temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	err = write_all(fd, text);
	if (!err && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(temp, path) < 0))
		err = -errno;
	if (err)
		unlink(temp);
	return err ? err : sync_folder_of(path);
}

int file_rename(const char *from, const char *to)
{
	return rename(from, to) < 0 ? -errno : 0;
}
