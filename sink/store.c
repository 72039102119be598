#include "sink/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STORE_BLOCK = 65536, STORE_MODE = 0640, STORE_FOLDER_MODE = 0750, PROC_PATH_SIZE = 40 };

struct store {
	int folder;
	bool nameless; /* O_TMPFILE works here, and /proc is there to give a name by */
	struct wall last;
	unsigned serial, temp_serial;
};

struct store_file {
	struct store *store;
	int fd;
	char temp[STORE_NAME_SIZE]; /* "": nameless */
	struct buf block;	    /* written when it is full */
};

static void proc_path(int fd, char out[PROC_PATH_SIZE])
{
	snprintf(out, PROC_PATH_SIZE, "/proc/self/fd/%d", fd);
}

/* -EACCES and the like are found here, at the start, instead of with the first message. */
static int probe(struct store *s)
{
	AUTO_CLOSE int fd = openat(s->folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, STORE_MODE);
	char path[PROC_PATH_SIZE];

	if (fd >= 0) {
		proc_path(fd, path);
		s->nameless = access(path, F_OK) == 0;
	} else if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) {
		return -errno;
	}
	return faccessat(s->folder, ".", W_OK | X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

int store_open(const char *folder, struct store **out)
{
	struct store *s;
	int err, fd;

	if (mkdir(folder, STORE_FOLDER_MODE) < 0 && errno != EEXIST)
		return -errno;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	s = mem_alloc(sizeof(*s));
	s->folder = fd;
	err = probe(s);
	if (err)
		store_close(&s);
	else
		*out = s;
	return err;
}

void store_close(struct store **s)
{
	if (!*s)
		return;
	fd_close(&(*s)->folder);
	mem_free(*s);
	*s = NULL;
}

static int open_new(struct store *s, char temp[STORE_NAME_SIZE])
{
	temp[0] = '\0';
	if (s->nameless)
		return openat(s->folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, STORE_MODE);
	snprintf(temp, STORE_NAME_SIZE, ".%d-%u.tmp", (int)getpid(), s->temp_serial++);
	return openat(s->folder, temp, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, STORE_MODE);
}

int store_begin(struct store *s, struct store_file **out)
{
	char temp[STORE_NAME_SIZE];
	int fd = open_new(s, temp);
	struct store_file *f;

	if (fd < 0)
		return -errno;
	f = mem_alloc(sizeof(*f));
	f->store = s;
	f->fd = fd;
	memcpy(f->temp, temp, sizeof(temp));
	buf_init(&f->block, STORE_BLOCK);
	*out = f;
	return 0;
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

static int write_block(struct store_file *f)
{
	int err = write_all(f->fd, buf_span(&f->block));

	buf_reset(&f->block);
	return err;
}

int store_add(struct store_file *f, struct span bytes)
{
	int err = 0;

	if (bytes.n > STORE_BLOCK - f->block.n)
		err = write_block(f);
	if (err)
		return err;
	if (bytes.n > STORE_BLOCK)
		return write_all(f->fd, bytes);
	buf_add(&f->block, bytes);
	return 0;
}

static void next_name(struct store *s, struct wall now, char name[STORE_NAME_SIZE])
{
	char iso[WALL_TEXT_SIZE], *to = name;

	if (now.ms > s->last.ms) {
		s->last = now;
		s->serial = 0;
	}
	wall_iso(s->last, iso);
	for (const char *c = iso; *c; c++)
		if (*c != '-' && *c != ':')
			*to++ = *c;
	snprintf(to, (size_t)(STORE_NAME_SIZE - (to - name)), "-%06u.eml", s->serial++);
}

static int name_it(struct store_file *f, const char *name)
{
	struct store *s = f->store;
	char path[PROC_PATH_SIZE];

	if (f->temp[0])
		return renameat2(s->folder, f->temp, s->folder, name, RENAME_NOREPLACE);
	proc_path(f->fd, path);
	return linkat(AT_FDCWD, path, s->folder, name, AT_SYMLINK_FOLLOW);
}

/* A name is taken only if the clock was set back over a restart; then the next number is free. */
int store_keep(struct store_file **f, struct wall now, char name[STORE_NAME_SIZE])
{
	int err = write_block(*f);

	while (!err) {
		next_name((*f)->store, now, name);
		if (name_it(*f, name) == 0)
			break;
		if (errno != EEXIST)
			err = -errno;
	}
	if (!err)
		(*f)->temp[0] = '\0'; /* it is the message now */
	store_drop(f);
	return err;
}

void store_drop(struct store_file **f)
{
	if (!*f)
		return;
	if ((*f)->temp[0])
		unlinkat((*f)->store->folder, (*f)->temp, 0);
	fd_close(&(*f)->fd);
	buf_done(&(*f)->block);
	mem_free(*f);
	*f = NULL;
}
