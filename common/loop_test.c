#include "common/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/stream.h"

/* What happened, one letter each. */
static char story[64];

static void tell(char c)
{
	size_t n = strlen(story);

	must(n + 1 < sizeof(story));
	story[n] = c;
	story[n + 1] = '\0';
}

static int setup(void **state UNUSED)
{
	story[0] = '\0';
	loop_init();
	return 0;
}

static int teardown(void **state UNUSED)
{
	loop_done();
	return 0;
}

static void on_tell(void *arg)
{
	tell(*(const char *)arg);
}

static void on_stop(void *arg)
{
	(void)arg;
	loop_stop();
}

/* Letter and milliseconds; the last one ends the loop, long after the others. */
static const struct {
	const char *name;
	int64_t after_ms;
} timers[] = {{"d", 300}, {"b", 100}, {"a", -5}, {"c", 200}, {"e", 400}};

static void test_timers_fire_once_in_the_order_of_their_times(void **state UNUSED)
{
	struct loop_timer *t[ARRAY_LEN(timers)], *end = loop_timer_new(on_stop, NULL);

	for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
		t[i] = loop_timer_new(on_tell, (void *)(uintptr_t)timers[i].name);
		loop_timer_set(t[i], timers[i].after_ms);
	}
	loop_timer_set(end, 500);
	loop_run();
	assert_string_equal(story, "abcde");
	for (size_t i = 0; i < ARRAY_LEN(timers); i++)
		loop_timer_free(&t[i]);
	loop_timer_free(&end);
	assert_null(end);
	loop_timer_free(&end);
}

static void test_a_timer_is_moved_stopped_and_freed(void **state UNUSED)
{
	struct loop_timer *moved = loop_timer_new(on_tell, (void *)(uintptr_t) "m");
	struct loop_timer *stopped = loop_timer_new(on_tell, (void *)(uintptr_t) "s");
	struct loop_timer *freed = loop_timer_new(on_tell, (void *)(uintptr_t) "f");
	struct loop_timer *unarmed = loop_timer_new(on_tell, (void *)(uintptr_t) "u");
	struct loop_timer *end = loop_timer_new(on_stop, NULL);

	loop_timer_set(moved, 3600000);
	loop_timer_set(moved, 1);
	loop_timer_set(stopped, 0);
	loop_timer_stop(stopped);
	loop_timer_set(freed, 0);
	loop_timer_free(&freed);
	loop_timer_set(end, 50);
	loop_run();
	assert_string_equal(story, "m");
	loop_timer_free(&moved);
	loop_timer_free(&stopped);
	loop_timer_free(&unarmed);
	loop_timer_free(&end);
}

static struct loop_timer *self_freeing;

static void on_free_self(void *arg)
{
	(void)arg;
	tell('x');
	loop_timer_free(&self_freeing);
	loop_stop();
}

static void test_a_timer_may_free_itself(void **state UNUSED)
{
	self_freeing = loop_timer_new(on_free_self, NULL);
	loop_timer_set(self_freeing, 0);
	loop_run();
	assert_string_equal(story, "x");
	assert_null(self_freeing);
}

static struct loop_fd *watch;

static void on_pipe(int fd, bool readable, bool writable, void *arg)
{
	char c;

	assert_ptr_equal(arg, story);
	assert_true(readable);
	assert_false(writable);
	if (read(fd, &c, 1) == 1) {
		tell(c);
		return;
	}
	tell('.');
	loop_fd_free(&watch);
	loop_stop();
}

static void test_a_descriptor_is_readable_until_its_end(void **state UNUSED)
{
	int p[2];

	assert_int_equal(pipe(p), 0);
	watch = loop_fd_new(p[0], on_pipe, story);
	loop_fd_want(watch, true, false);
	assert_int_equal(write(p[1], "abc", 3), 3);
	fd_close(&p[1]);
	loop_run();
	assert_string_equal(story, "abc.");
	assert_null(watch);
	assert_int_equal(close(p[0]), 0);
}

static void on_writable(int fd, bool readable, bool writable, void *arg)
{
	(void)fd;
	(void)arg;
	assert_false(readable);
	assert_true(writable);
	tell('w');
	if (strlen(story) == 2)
		loop_fd_want(watch, false, false);
}

static void test_a_descriptor_is_told_only_what_is_wanted(void **state UNUSED)
{
	struct loop_timer *end = loop_timer_new(on_stop, NULL);
	int p[2];

	assert_int_equal(pipe(p), 0);
	watch = loop_fd_new(p[1], on_writable, NULL);
	loop_timer_set(end, 30);
	loop_run();
	assert_string_equal(story, "");
	loop_fd_free(&watch);
	loop_timer_free(&end);
	loop_done();
	loop_init();
	watch = loop_fd_new(p[1], on_writable, NULL);
	end = loop_timer_new(on_stop, NULL);
	loop_fd_want(watch, false, true);
	loop_timer_set(end, 30);
	loop_run();
	assert_string_equal(story, "ww");
	loop_fd_free(&watch);
	loop_timer_free(&end);
	fd_close(&p[0]);
	fd_close(&p[1]);
}

static void on_third(void *arg)
{
	tell('3');
	on_stop(arg);
}

static void on_second(void *arg)
{
	tell('2');
	loop_later(on_third, arg);
}

static void on_first(void *arg)
{
	tell('1');
	loop_later(on_second, arg);
	loop_later(on_tell, (void *)(uintptr_t) "b");
	tell('-');
}

static void hook_h(void)
{
	tell('h');
}

static void hook_i(void)
{
	tell('i');
}

/* Hooks first, in their order; then what is put off, with what that puts off, in the same turn. */
static void test_the_end_of_a_turn(void **state UNUSED)
{
	struct loop_timer *t = loop_timer_new(on_first, NULL);

	loop_turn_end(hook_h);
	loop_turn_end(hook_i);
	loop_timer_set(t, 0);
	loop_run();
	assert_string_equal(story, "1-hi2b3");
	loop_timer_free(&t);
}

static unsigned counted;

static void on_count(void *arg)
{
	(void)arg;
	if (++counted < 1000)
		loop_later(on_count, NULL);
	else
		loop_stop();
}

static void test_what_is_put_off_before_the_loop_runs_without_waiting(void **state UNUSED)
{
	struct loop_timer *far = loop_timer_new(on_tell, (void *)(uintptr_t) "f");

	counted = 0;
	loop_timer_set(far, 3600000);
	loop_later(on_count, NULL);
	loop_run();
	assert_int_equal(counted, 1000);
	assert_string_equal(story, "");
	loop_timer_free(&far);
}

static void on_usr(int signo)
{
	tell(signo == SIGUSR1 ? '1' : '2');
	if (signo == SIGUSR2)
		loop_stop();
	else
		raise(SIGUSR2);
}

static void test_signals_run_on_the_loop(void **state UNUSED)
{
	loop_on_signal(SIGUSR1, on_usr);
	loop_on_signal(SIGUSR2, on_usr);
	raise(SIGUSR1);
	assert_string_equal(story, "");
	loop_run();
	assert_string_equal(story, "12");
}

/* The child ends its copy of the loop and makes one of its own. */
static void in_child(int told)
{
	struct loop_timer *t;

	story[0] = '\0';
	loop_done();
	loop_init();
	t = loop_timer_new(on_first, NULL);
	loop_timer_set(t, 0);
	loop_run();
	_exit(write(told, story, strlen(story)) == 5 && strcmp(story, "1-2b3") == 0 ? 0 : 1);
}

static void test_the_end_of_the_loop_in_a_child_leaves_the_parents(void **state UNUSED)
{
	int p[2], told[2], status = 0;
	pid_t child;

	assert_true(pipe(p) == 0 && pipe(told) == 0);
	loop_on_signal(SIGUSR1, on_usr);
	loop_on_signal(SIGUSR2, on_usr);
	watch = loop_fd_new(p[0], on_pipe, story);
	loop_fd_want(watch, true, false);
	loop_turn_end(hook_h);
	child = fork();
	if (child == 0)
		in_child(told[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(write(p[1], "ab", 2), 2);
	raise(SIGUSR1);
	fd_close(&p[1]);
	loop_run();
	/* the pipe's bytes, the signals and the hook came, in whatever order */
	assert_non_null(strchr(story, 'a'));
	assert_non_null(strchr(story, '1'));
	assert_non_null(strchr(story, 'h'));
	loop_fd_free(&watch);
	fd_close(&p[0]);
	fd_close(&told[0]);
	fd_close(&told[1]);
}

static void test_now_does_not_go_back(void **state UNUSED)
{
	struct mono before = mono_now();

	assert_true(mono_now().ms >= before.ms);
	assert_true(mono_now().ms >= mono_now().ms);
	assert_non_null(loop_base());
}

#define ON_LOOP(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

static void write_without_memory(void)
{
	static const struct stream_ops ops = {0};
	const struct rlimit little = {1 << 20, 1 << 20};
	const size_t large = 64 << 20;
	void *p = mem_alloc(large);
	int fds[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	struct stream *s = stream_accept(fds[0], &ops, NULL);
	must(setrlimit(RLIMIT_AS, &little) == 0);
	stream_write(s, span_of(p, large));
	_exit(0); /* and the message would arrive with a hole */
}

static void test_output_that_finds_no_memory_ends_the_process(void **state UNUSED)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		must(close(STDERR_FILENO) == 0);
		write_without_memory();
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_LOOP(test_timers_fire_once_in_the_order_of_their_times),
		ON_LOOP(test_a_timer_is_moved_stopped_and_freed),
		ON_LOOP(test_a_timer_may_free_itself),
		ON_LOOP(test_a_descriptor_is_readable_until_its_end),
		ON_LOOP(test_a_descriptor_is_told_only_what_is_wanted),
		ON_LOOP(test_the_end_of_a_turn),
		ON_LOOP(test_what_is_put_off_before_the_loop_runs_without_waiting),
		ON_LOOP(test_signals_run_on_the_loop),
		ON_LOOP(test_the_end_of_the_loop_in_a_child_leaves_the_parents),
		ON_LOOP(test_now_does_not_go_back),
		ON_LOOP(test_output_that_finds_no_memory_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
