/*
 * flush.c - the one thread of an acceptor.
 *
 * A thread and not a process, because fsync has no form that does not block, and the descriptors
 * are here.  It touches nothing but its two lists, under one lock, and makes system calls; the
 * loop hears of finished batches through an eventfd.
 */
#include "common/spool/flush.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "common/loop.h"
#include "common/span.h"
#include "common/spool/flush_choice.h"

enum { QUIET_KB = 16 * 1024 };

/* In memory of all workers.  A syncfs is for everybody's files that were written before it began:
 * so they go one after another, and who waited for its turn finds most of its files done. */
struct flush_share {
	pthread_mutex_t turn; /* robust: a worker may be killed within it */
	uint64_t begun;	      /* atomic: syncfs calls that have begun */
	uint64_t good;	      /* under turn: the number of the last one that succeeded */
};

struct job {
	int fd;
	int err;
	uint64_t begun; /* when it was complete: the next one, and those after it, have it */
	void *cookie;
};

struct jobs {
	struct job *at;
	size_t n, cap;
};

struct flusher {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct jobs waiting, finished;
	int wake;
	struct flush_share *share;  /* NULL: no syncfs */
	bool signalling;	    /* the loop's: at the end of its turn */
	struct flush_choice choice; /* the thread's */
	void (*done)(void *cookie, int err);
};

static void jobs_add(struct jobs *l, struct job j)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->at = mem_grow(l->at, l->cap * sizeof(*l->at));
	}
	l->at[l->n++] = j;
}

static void flush_each(struct jobs *batch)
{
	/* all begin to be written, so that the first commit has the others' blocks, too */
	for (size_t i = 0; batch->n > 1 && i < batch->n; i++)
		(void)sync_file_range(batch->at[i].fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	for (size_t i = 0; i < batch->n; i++)
		batch->at[i].err = fsync(batch->at[i].fd) == 0 ? 0 : -errno;
}

/* syncfs() tells its own descriptor what went wrong since that one was opened; an earlier failure
 * of another file's write-back is known to that file's descriptor alone. */
static int write_back_error(int fd)
{
	return sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) == 0 ? 0 : -errno;
}

/* On a file system that has given up (a broken journal, a forced shutdown) the syncfs of some
 * kernels does nothing and returns 0; an fsync there fails. */
static int sync_all(int fd)
{
	return syncfs(fd) == 0 && fsync(fd) == 0 ? 0 : -errno;
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

struct flush_share *flush_share_new(void)
{
	struct flush_share *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t attr;

	must(s != MAP_FAILED);
	must(pthread_mutexattr_init(&attr) == 0 &&
	     pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) == 0 &&
	     pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0 &&
	     pthread_mutex_init(&s->turn, &attr) == 0);
	pthread_mutexattr_destroy(&attr);
	return s;
}

static void take_turn(struct flush_share *s)
{
	int err = pthread_mutex_lock(&s->turn);

	if (err == EOWNERDEAD) /* what it was at is not in good */
		err = pthread_mutex_consistent(&s->turn);
	must(err == 0);
}

static void take_waiting(struct flusher *f, struct jobs *batch)
{
	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->waiting.n; i++)
		jobs_add(batch, f->waiting.at[i]);
	f->waiting.n = 0;
	pthread_mutex_unlock(&f->lock);
}

static bool is_done(const struct flush_share *s, const struct job *j)
{
	return s->good > j->begun;
}

static bool all_done(const struct flush_share *s, const struct jobs *batch)
{
	for (size_t i = 0; i < batch->n; i++)
		if (!is_done(s, &batch->at[i]))
			return false;
	return true;
}

static void flush_all(struct flusher *f, struct jobs *batch)
{
	struct flush_share *s = f->share;
	int err = 0;

	take_turn(s);
	take_waiting(f, batch); /* what came meanwhile */
	if (!all_done(s, batch)) {
		uint64_t number = __atomic_add_fetch(&s->begun, 1, __ATOMIC_SEQ_CST);
		int64_t began = now_us();

		err = sync_all(batch->at[0].fd);
		if (!err)
			s->good = number;
		flush_took_all(&f->choice, mono_now(), now_us() - began);
	}
	for (size_t i = 0; i < batch->n; i++)
		batch->at[i].err = is_done(s, &batch->at[i]) ? 0 : err;
	pthread_mutex_unlock(&s->turn);
	for (size_t i = 0; i < batch->n; i++)
		if (!batch->at[i].err)
			batch->at[i].err = write_back_error(batch->at[i].fd);
}

/* The kB of a line of /proc/meminfo. */
static uint64_t meminfo_kb(struct span text, const char *name)
{
	const uint8_t *at = memmem(text.p, text.n, name, strlen(name));
	uint64_t kb = UINT64_MAX;
	struct span value;

	if (!at)
		return kb;
	value = span_trim(span_from(text, (size_t)(at - text.p) + strlen(name)));
	return span_u64(span_cut(&value, ' '), UINT64_MAX, &kb) == 0 ? kb : UINT64_MAX;
}

/* Does little wait to be written, on all file systems together? */
static bool is_quiet(void)
{
	AUTO_CLOSE int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	char text[4096];
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;

	return n > 0 && meminfo_kb(span_of(text, (size_t)n), "\nDirty:") < QUIET_KB;
}

static void flush_batch(struct flusher *f, struct jobs *batch)
{
	bool all = f->share && flush_choose_all(&f->choice, batch->n, mono_now(), is_quiet);
	int64_t began = now_us();

	if (all) {
		flush_all(f, batch);
	} else {
		flush_each(batch);
		flush_took_each(&f->choice, batch->n, mono_now(), now_us() - began);
	}
}

static void tell_loop(struct flusher *f)
{
	uint64_t one = 1;

	while (write(f->wake, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void *run(void *arg)
{
	struct flusher *f = arg;
	struct jobs batch = {0};

	for (;;) {
		struct jobs swap = batch;

		swap.n = 0;
		pthread_mutex_lock(&f->lock);
		while (f->waiting.n == 0)
			pthread_cond_wait(&f->more, &f->lock);
		batch = f->waiting;
		f->waiting = swap;
		pthread_mutex_unlock(&f->lock);
		flush_batch(f, &batch);
		pthread_mutex_lock(&f->lock);
		for (size_t i = 0; i < batch.n; i++)
			jobs_add(&f->finished, batch.at[i]);
		pthread_mutex_unlock(&f->lock);
		tell_loop(f);
	}
	return NULL;
}

static void on_wake(int fd, bool readable, bool writable, void *arg)
{
	struct flusher *f = arg;
	struct jobs finished;
	uint64_t count;

	(void)readable;
	(void)writable;
	if (read(fd, &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&f->lock);
	finished = f->finished;
	f->finished = (struct jobs){0};
	pthread_mutex_unlock(&f->lock);
	for (size_t i = 0; i < finished.n; i++)
		f->done(finished.at[i].cookie, finished.at[i].err);
	mem_free(finished.at);
}

struct flusher *flusher_new(struct flush_share *share, void (*done)(void *cookie, int err))
{
	struct flusher *f = mem_alloc(sizeof(*f));
	sigset_t all, old;
	pthread_t thread;

	f->share = share;
	f->done = done;
	f->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	must(f->wake >= 0);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->more, NULL);
	loop_fd_want(loop_fd_new(f->wake, on_wake, f), true, false);
	/* signals are the loop's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	must(pthread_create(&thread, NULL, run, f) == 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_detach(thread);
	return f;
}

/* Once a turn: waking the thread for each file costs more than adding it. */
static void signal_thread(void *arg)
{
	struct flusher *f = arg;

	f->signalling = false;
	pthread_cond_signal(&f->more);
}

void flush_add(struct flusher *f, int fd, void *cookie)
{
	struct job j = {.fd = fd, .cookie = cookie};

	if (f->share)
		j.begun = __atomic_load_n(&f->share->begun, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&f->lock);
	jobs_add(&f->waiting, j);
	pthread_mutex_unlock(&f->lock);
	if (!f->signalling)
		loop_later(signal_thread, f);
	f->signalling = true;
}

bool flush_syncfs_is_durable(const char *folder)
{
	enum { EXT = 0xef53, XFS = 0x58465342 };
	struct statfs fs;

	return statfs(folder, &fs) == 0 && (fs.f_type == EXT || fs.f_type == XFS);
}
