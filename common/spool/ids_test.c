#include "common/spool/ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/span.h"

enum { BLOCK = 1000, IDS = 20000, TAKERS = 2 };

#define COUNTER "counter"

static char folder[] = "/tmp/ids-test-XXXXXX";

static void counter_is(const char *text)
{
	AUTO_CLOSE int fd = open(COUNTER, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static uint64_t take(struct ids *ids, size_t count)
{
	uint64_t first = 4711;

	assert_int_equal(ids_take(ids, count, &first), 0);
	return first;
}

/* What one process took, at random sizes, in the order of taking. */
static void take_all(uint64_t *out, unsigned seed)
{
	struct ids ids;
	size_t n = 0;

	ids_init(&ids, COUNTER, SUBMITTER_HTTPD);
	while (n < IDS) {
		size_t count = size_min(1 + (seed = seed * 1103515245 + 12345) % 400, IDS - n);
		uint64_t first;

		if (ids_take(&ids, count, &first) != 0)
			_exit(1);
		for (size_t i = 0; i < count; i++)
			out[n++] = first + 4 * i;
	}
	_exit(0);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void test_two_processes_at_once_never_get_the_same(void **state UNUSED)
{
	size_t size = TAKERS * IDS * sizeof(uint64_t);
	uint64_t *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	assert_ptr_not_equal(all, MAP_FAILED);
	for (unsigned i = 0; i < TAKERS; i++) {
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0)
			take_all(all + i * IDS, i);
	}
	for (int i = 0; i < TAKERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	qsort(all, TAKERS * IDS, sizeof(*all), compare);
	for (size_t i = 0; i < TAKERS * IDS; i++) {
		assert_true(i == 0 || all[i] > all[i - 1]);
		assert_int_equal(ids_submitter(all[i]), SUBMITTER_HTTPD);
	}
	munmap(all, size);
}

static void test_a_restart_begins_a_new_block(void **state UNUSED)
{
	struct ids before, after;
	uint64_t first;

	ids_init(&before, COUNTER, SUBMITTER_SMTPD);
	first = take(&before, 1);
	assert_int_equal(take(&before, 1), first + 4);
	ids_init(&after, COUNTER, SUBMITTER_SMTPD);
	assert_int_equal(take(&after, 1), first + 4 * BLOCK);
	assert_int_equal(take(&before, 1), first + 8);
}

static void test_ids_in_a_row_never_cross_a_block(void **state UNUSED)
{
	struct ids ids, other;
	uint64_t first;

	counter_is("00000000000000005000\n");
	ids_init(&ids, COUNTER, SUBMITTER_SMTPD);
	ids_init(&other, COUNTER, SUBMITTER_SMTPD);
	assert_int_equal(take(&ids, BLOCK), 4 * 5000);
	assert_int_equal(take(&ids, 1), 4 * 6000);
	assert_int_equal(take(&other, 1), 4 * 7000);
	assert_int_equal(take(&ids, BLOCK - 1), 4 * 6001);
	first = take(&ids, BLOCK); /* a block of its own */
	assert_int_equal(first, 4 * 8000);
	assert_int_equal(take(&ids, 1), 4 * 9000);
	assert_int_equal(take(&ids, BLOCK), 4 * 10000); /* the rest is left out */
}

static const struct {
	enum submitter submitter;
	uint64_t low;
} submitters[] = {{SUBMITTER_SMTPD, 0}, {SUBMITTER_HTTPD, 1}, {SUBMITTER_QUEUED, 2}};

static void test_the_submitter_is_in_the_low_bits(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(submitters); i++) {
		struct ids ids;

		counter_is("00000000000000000007\n");
		ids_init(&ids, COUNTER, submitters[i].submitter);
		assert_int_equal(take(&ids, 3), 28 + submitters[i].low);
		assert_int_equal(take(&ids, 1), 40 + submitters[i].low);
		assert_int_equal(ids_submitter(40 + submitters[i].low), submitters[i].submitter);
	}
}

/* 2^18 for each second since 2025, so that it lies above all that was dealt before. */
static void check_by_time(void)
{
	uint64_t s = (uint64_t)(wall_now().ms / 1000 - 1735689600);
	struct ids ids;
	uint64_t first;

	ids_init(&ids, COUNTER, SUBMITTER_SMTPD);
	first = take(&ids, 1);
	assert_in_range(first / 4 >> 18, s, (uint64_t)(wall_now().ms / 1000 - 1735689600));
	assert_true(first < UINT64_C(1) << 53);
}

static void test_without_a_counter_the_time_begins_it(void **state UNUSED)
{
	struct stat st;

	check_by_time();
	assert_int_equal(stat(COUNTER, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 21);
	counter_is("");
	check_by_time();
}

static const char *const damaged[] = {
	"\n",
	"0000000000000000500\n",
	"00000000000000005000",
	"000000000000000050000\n",
	"00000000000000005000\n\n",
	"00000000000000005000\n00000000000000006000\n",
	"0000000000000000500x\n",
	"                5000\n",
	"-0000000000000005000\n",
	"99999999999999999999\n",
	"00002251799813685249\n", /* 2^51 + 1 */
	"00002251799813685248\n", /* 2^51: no block is left */
	"00002251799813684248\n", /* the block would end at it */
};

static void test_a_damaged_or_used_up_counter_is_refused_and_kept(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
		struct ids ids;
		uint64_t first = 4711;
		char now[64] = "";

		counter_is(damaged[i]);
		ids_init(&ids, COUNTER, SUBMITTER_SMTPD);
		if (ids_take(&ids, 1, &first) >= 0)
			fail_msg("%s", damaged[i]);
		assert_int_equal(first, 4711);
		AUTO_CLOSE int fd = open(COUNTER, O_RDONLY);
		assert_int_equal(read(fd, now, sizeof(now) - 1), strlen(damaged[i]));
		assert_string_equal(now, damaged[i]);
	}
	counter_is("00002251799813684247\n");
	struct ids last;
	ids_init(&last, COUNTER, SUBMITTER_QUEUED);
	assert_true(take(&last, BLOCK) + 4 * (BLOCK - 1) < UINT64_C(1) << 53);
}

static void test_what_is_no_file_is_an_error(void **state UNUSED)
{
	struct ids ids;
	uint64_t first;

	ids_init(&ids, "missing/counter", SUBMITTER_SMTPD);
	assert_int_equal(ids_take(&ids, 1, &first), -ENOENT);
	ids_init(&ids, ".", SUBMITTER_SMTPD);
	assert_int_equal(ids_take(&ids, 1, &first), -EISDIR);
	assert_int_equal(symlink("elsewhere", COUNTER), 0);
	ids_init(&ids, COUNTER, SUBMITTER_SMTPD);
	assert_int_equal(ids_take(&ids, 1, &first), -ELOOP);
	assert_int_equal(access("elsewhere", F_OK), -1);
}

static int remove_counter(void **state UNUSED)
{
	unlink(COUNTER);
	return 0;
}

static int setup(void **state UNUSED)
{
	return !mkdtemp(folder) || chdir(folder) != 0;
}

static int teardown(void **state UNUSED)
{
	return chdir("/") != 0 || rmdir(folder) != 0;
}

#define WITH_FOLDER(t) cmocka_unit_test_teardown(t, remove_counter)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(test_two_processes_at_once_never_get_the_same),
		WITH_FOLDER(test_a_restart_begins_a_new_block),
		WITH_FOLDER(test_ids_in_a_row_never_cross_a_block),
		WITH_FOLDER(test_the_submitter_is_in_the_low_bits),
		WITH_FOLDER(test_without_a_counter_the_time_begins_it),
		WITH_FOLDER(test_a_damaged_or_used_up_counter_is_refused_and_kept),
		WITH_FOLDER(test_what_is_no_file_is_an_error),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
