/*
 * flush_test.c - a loop runs once and a flusher lives as long as its process, so all scenarios
 * run one after another in one loop: the last file done checks its scenario and begins the next.
 */
#include "common/spool/flush.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/loop.h"

enum { FILES = 300, STUCK_MS = 60000 };

enum bad { NONE, A_PIPE, CLOSED };

/* "at" is the place of the bad descriptor among the 300. */
static const struct {
	const char *name;
	bool use_syncfs;
	bool lone; /* each is handed over when the one before is done */
	enum bad bad;
	size_t at;
} scenarios[] = {
	{"all at once", false, false, NONE, 0},
	{"all at once, by syncfs", true, false, NONE, 0},
	{"one after the other", false, true, NONE, 0},
	{"one after the other, with syncfs allowed", true, true, NONE, 0},
	{"a pipe is the first", false, false, A_PIPE, 0},
	{"a pipe is in the middle", false, false, A_PIPE, 150},
	{"a pipe is the last", false, false, A_PIPE, 299},
	{"a closed one is the first", false, false, CLOSED, 0},
	{"a closed one is the last", false, false, CLOSED, 299},
	{"a lone closed one", false, true, CLOSED, 7},
	{"a lone pipe with syncfs allowed", true, true, A_PIPE, 7},
	{"a pipe in a batch by syncfs", true, false, A_PIPE, 299},
	{"a closed one in a batch by syncfs", true, false, CLOSED, 299},
};

static char folder[] = "/tmp/flush-test-XXXXXX";

static struct file {
	int fd;
	int err;
	unsigned done;
} files[FILES];
static size_t now, done_count;
static int pipe_fds[2], closed_fd;
static struct flusher *each, *together;

static void add(size_t i)
{
	enum bad bad = i == scenarios[now].at ? scenarios[now].bad : NONE;
	int fd = bad == A_PIPE ? pipe_fds[1] : bad == CLOSED ? closed_fd : files[i].fd;

	flush_add(scenarios[now].use_syncfs ? together : each, fd, &files[i]);
}

static void begin(void)
{
	done_count = 0;
	for (size_t i = 0; i < FILES; i++) {
		files[i].done = 0;
		files[i].err = 4711;
	}
	for (size_t i = 0; i < (scenarios[now].lone ? 1 : FILES); i++)
		add(i);
}

static void check(void)
{
	static const char *const name[] = {[NONE] = "none", [A_PIPE] = "pipe", [CLOSED] = "closed"};

	for (size_t i = 0; i < FILES; i++) {
		enum bad bad = i == scenarios[now].at ? scenarios[now].bad : NONE;

		if (files[i].done != 1 || (files[i].err < 0) != (bad != NONE) || files[i].err > 0 ||
		    (bad == CLOSED && files[i].err != -EBADF))
			fail_msg("%s: %zu (%s): done %u times, %d", scenarios[now].name, i,
				 name[bad], files[i].done, files[i].err);
	}
}

static void on_done(void *cookie, int err)
{
	struct file *f = cookie;

	f->err = err;
	f->done++;
	if (++done_count < FILES) {
		if (scenarios[now].lone)
			add(done_count);
		return;
	}
	check();
	if (++now < ARRAY_LEN(scenarios))
		begin();
	else
		loop_stop();
}

static void on_stuck(void *arg)
{
	(void)arg;
	fail_msg("%s: %zu are done", scenarios[now].name, done_count);
}

static void test_each_file_is_told_once_and_a_bad_one_fails_alone(void **state UNUSED)
{
	struct loop_timer *guard = loop_timer_new(on_stuck, NULL);

	loop_timer_set(guard, STUCK_MS);
	begin();
	loop_run();
	assert_int_equal(now, ARRAY_LEN(scenarios));
	loop_timer_free(&guard);
}

static void test_only_known_file_systems_have_a_durable_syncfs(void **state UNUSED)
{
	assert_false(flush_syncfs_is_durable("/proc"));
	assert_false(flush_syncfs_is_durable("missing"));
}

static int setup(void **state UNUSED)
{
	if (!mkdtemp(folder) || chdir(folder) != 0 || pipe(pipe_fds) != 0)
		return -1;
	for (size_t i = 0; i < FILES; i++) {
		files[i].fd = open("file", O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (files[i].fd < 0 || unlink("file") != 0 || write(files[i].fd, "x", 1) != 1)
			return -1;
	}
	loop_init();
	each = flusher_new(NULL, on_done);
	together = flusher_new(flush_share_new(), on_done);
	/* the highest number; nothing is opened after it */
	closed_fd = dup(pipe_fds[0]);
	return close(closed_fd);
}

static int teardown(void **state UNUSED)
{
	for (size_t i = 0; i < FILES; i++)
		fd_close(&files[i].fd);
	return chdir("/") != 0 || rmdir(folder) != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_file_is_told_once_and_a_bad_one_fails_alone),
		cmocka_unit_test(test_only_known_file_systems_have_a_durable_syncfs),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
