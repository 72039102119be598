#include "common/spool/pressure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct mono at(int64_t ms)
{
	return (struct mono){ms};
}

static int set_up(void **state UNUSED)
{
	static char folder[] = "/tmp/pressure_test.XXXXXX";

	return mkdtemp(folder) && chdir(folder) == 0 && mkdir("run", 0700) == 0 &&
			       mkdir("run/queued", 0700) == 0
		       ? 0
		       : -1;
}

static int tear_down(void **state UNUSED)
{
	char folder[256];

	unlink(PRESSURE_PATH);
	rmdir("run/queued");
	rmdir("run");
	return getcwd(folder, sizeof(folder)) && rmdir(folder) == 0 ? 0 : -1;
}

static void test_without_a_writer_nothing_counts(void **state UNUSED)
{
	struct pressure_reader r = {.page = NULL};
	struct pressure p;

	assert_false(pressure_read(&r, at(1000), &p));
}

static void test_what_was_written_is_read(void **state UNUSED)
{
	struct pressure_reader r = {.page = NULL};
	struct pressure_page *page;
	struct pressure p = {.level = 3, .server_count = 2, .servers = {17, 4}}, got;

	assert_int_equal(pressure_make(&page), 0);
	pressure_write(page, &p, at(1000));
	assert_true(pressure_read(&r, at(1200), &got));
	assert_int_equal(got.level, 3);
	assert_int_equal(got.server_count, 2);
	assert_int_equal(got.servers[1], 4);
	assert_int_equal(pressure_delay_ms(&got), 3 * PRESSURE_DELAY_MS);
	pressure_reader_done(&r);
}

static void test_an_old_page_means_nothing_until_it_is_written_again(void **state UNUSED)
{
	struct pressure_reader r = {.page = NULL};
	struct pressure_page *page;
	struct pressure p = {.level = 10}, got;

	assert_int_equal(pressure_make(&page), 0);
	pressure_write(page, &p, at(1000));
	assert_true(pressure_read(&r, at(1000 + PRESSURE_STALE_MS - 1), &got));
	assert_false(pressure_read(&r, at(1000 + PRESSURE_STALE_MS), &got));
	assert_false(pressure_read(&r, at(500), &got)); /* of another boot */
	pressure_write(page, &p, at(9000));
	assert_true(pressure_read(&r, at(9001), &got));
	pressure_reader_done(&r);
}

static void test_a_restarted_writer_is_found(void **state UNUSED)
{
	struct pressure_reader r = {.page = NULL};
	struct pressure_page *first, *second;
	struct pressure p = {.level = 1}, got;

	assert_int_equal(pressure_make(&first), 0);
	pressure_write(first, &p, at(1000));
	assert_true(pressure_read(&r, at(1000), &got));
	assert_int_equal(pressure_make(&second), 0);
	p.level = 2;
	pressure_write(second, &p, at(20000));
	assert_true(pressure_read(&r, at(20000), &got));
	assert_int_equal(got.level, 2);
	pressure_reader_done(&r);
}

static void test_a_short_or_senseless_file_is_left_alone(void **state UNUSED)
{
	struct pressure_reader r = {.page = NULL};
	struct pressure_page *page;
	struct pressure p = {.level = PRESSURE_LEVEL_MAX + 1}, got;
	FILE *f;

	assert_int_equal(pressure_make(&page), 0);
	pressure_write(page, &p, at(1000));
	assert_false(pressure_read(&r, at(1000), &got));
	pressure_reader_done(&r);
	unlink(PRESSURE_PATH);
	f = fopen(PRESSURE_PATH, "w");
	assert_non_null(f);
	fputs("short", f);
	fclose(f);
	assert_false(pressure_read(&r, at(9000), &got));
	pressure_reader_done(&r);
}

/* What a reader gets was written together, however the writer hurries. */
static void test_a_reader_never_sees_half_a_change(void **state UNUSED)
{
	struct pressure_reader r = {.page = NULL};
	struct pressure_page *page;
	int status, seen = 0;
	pid_t pid;

	assert_int_equal(pressure_make(&page), 0);
	pid = fork();
	if (pid == 0) {
		for (unsigned i = 0; i < 200000; i++) {
			struct pressure p = {.level = i % 10, .server_count = i % 10};

			for (size_t k = 0; k < p.server_count; k++)
				p.servers[k] = p.level;
			pressure_write(page, &p, at(1000));
		}
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct pressure got;

		if (!pressure_read(&r, at(1001), &got))
			continue;
		seen++;
		assert_int_equal(got.level, got.server_count);
		for (size_t k = 0; k < got.server_count; k++)
			assert_int_equal(got.servers[k], got.level);
	}
	assert_int_equal(status, 0);
	assert_true(seen > 0);
	pressure_reader_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_writer_nothing_counts),
		cmocka_unit_test(test_what_was_written_is_read),
		cmocka_unit_test(test_an_old_page_means_nothing_until_it_is_written_again),
		cmocka_unit_test(test_a_restarted_writer_is_found),
		cmocka_unit_test(test_a_short_or_senseless_file_is_left_alone),
		cmocka_unit_test(test_a_reader_never_sees_half_a_change),
	};

	return cmocka_run_group_tests_name("pressure", tests, set_up, tear_down);
}
