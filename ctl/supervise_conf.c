#include "ctl/supervise_conf.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "common/proc.h"

enum { PID_TEXT_MAX = 16, PID_TRIES = 50, PID_WAIT_NS = 20 * 1000 * 1000 };

/* Nothing has changed before all of it has worked. */
static int put_in_force(struct span text, struct conf **conf, struct sup_sockets *sockets,
			char error[CONF_ERROR_SIZE])
{
	struct sup_sockets fresh_sockets;
	char why[SUP_ERROR_SIZE];
	struct conf *fresh = NULL;
	int err = conf_parse(SUP_CONF_WRITTEN, text, &fresh, error);

	if (err)
		return err;
	err = sup_sockets_open(fresh, sockets, &fresh_sockets, why);
	if (err) {
		snprintf(error, CONF_ERROR_SIZE, "%s: %s", SUP_CONF_WRITTEN, why);
		conf_free(&fresh);
		return err;
	}
	err = file_replace(SUP_CONF_ACTIVE, text, 0644);
	if (err) {
		snprintf(error, CONF_ERROR_SIZE, "%s: %s; make room or let us write there",
			 SUP_CONF_ACTIVE, strerror(-err));
		sup_sockets_drop(&fresh_sockets, sockets);
		conf_free(&fresh);
		return err;
	}
	sup_sockets_replace(sockets, &fresh_sockets);
	conf_free(conf);
	*conf = fresh;
	return 0;
}

int sup_conf_take(struct conf **conf, struct sup_sockets *sockets, char error[CONF_ERROR_SIZE])
{
	struct buf text;
	int err = file_read(SUP_CONF_WRITTEN, CONF_FILE_MAX, &text);

	if (err) {
		snprintf(error, CONF_ERROR_SIZE, "%s: %s; `posthaste sandbox start` makes one",
			 SUP_CONF_WRITTEN, strerror(-err));
		return err;
	}
	err = put_in_force(buf_span(&text), conf, sockets, error);
	buf_done(&text);
	return err;
}

int64_t sup_dot_timeout_ms(void)
{
	enum { UNKNOWN_MS = 10 * 60 * 1000 };
	char error[CONF_ERROR_SIZE];
	struct conf *c = NULL;
	int64_t ms;

	if (conf_load(SUP_CONF_ACTIVE, &c, error) != 0)
		return UNKNOWN_MS;
	ms = c->deliver_dot_timeout_ms;
	conf_free(&c);
	return ms;
}

/* who runs */

static pid_t pid_read(void)
{
	struct buf b;
	uint64_t pid = 0;

	if (file_read(SUP_PID_FILE, PID_TEXT_MAX, &b))
		return 0;
	if (span_u64(span_head(buf_span(&b), span_find(buf_span(&b), '\n')), INT32_MAX, &pid))
		pid = 0;
	buf_done(&b);
	return (pid_t)pid;
}

int sup_pid_write(void)
{
	char text[PID_TEXT_MAX];

	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	return file_replace(SUP_PID_FILE, span_str(text), 0644);
}

/* Who holds it writes the pid file a moment later; who only looks lets go at once.  So as long as
 * no holder is known it is tried again. */
static int lock_or_holder(int fd, pid_t *other)
{
	struct timespec ts = {.tv_nsec = PID_WAIT_NS};

	for (int i = 0; i < PID_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return -errno;
		*other = pid_read();
		if (*other > 1 && (kill(*other, 0) == 0 || errno == EPERM))
			break;
		*other = 0;
		nanosleep(&ts, NULL);
	}
	return -EWOULDBLOCK;
}

int sup_lock(pid_t *other)
{
	int err, fd = open(SUP_LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	err = lock_or_holder(fd, other);
	if (err)
		fd_close(&fd);
	return err ? err : fd;
}

pid_t sup_running(void)
{
	pid_t pid = 0;
	int fd = sup_lock(&pid);

	if (fd == -EWOULDBLOCK)
		return pid;
	if (fd < 0)
		return fd;
	fd_close(&fd);
	return 0;
}
