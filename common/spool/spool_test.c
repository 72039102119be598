#include "common/spool/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ID "0193a1b2c3d4e5f60718293a4b5c6d7e"
#define PATH "new/" ID

static char folder[] = "/tmp/spool-test-XXXXXX";
static struct envelope_rcpt rcpt = {.copy = 4001};
static struct envelope envelope = {.server = 3, .helo = "laptop", .rcpts = &rcpt, .rcpt_count = 1};

/* A message of that many bytes; every octet comes. */
static struct span body_of(size_t n)
{
	static uint8_t *bytes;
	static size_t size;

	if (n > size) {
		bytes = mem_grow(bytes, n);
		for (size_t i = size; i < n; i++)
			bytes[i] = (uint8_t)(i * 31 + i / 251);
		size = n;
	}
	return span_of(bytes ? bytes : (const uint8_t *)"", n);
}

/* Written in pieces of that size and ended, but not flushed. */
static void write_file(struct span body, size_t piece, unsigned flags)
{
	struct spool_out o;

	assert_int_equal(spool_out_begin(&o, "new", &envelope), 0);
	while (body.n) {
		assert_int_equal(spool_out_write(&o, span_head(body, piece)), 0);
		body = span_from(body, piece);
	}
	assert_int_equal(spool_out_end(&o, flags), 0);
	spool_out_done(&o);
	assert_int_equal(o.fd, -1);
}

/* 0 when the file opens, its envelope decodes, and its body has the hash of the END record. */
static int read_file(char why[SPOOL_WHY_SIZE])
{
	struct spool_in in;
	struct envelope e;
	uint8_t hash[SPOOL_HASH_SIZE], *body;
	int err = spool_in_open(PATH, &in, why);

	if (err)
		return err;
	err = spool_in_envelope(&in, &e, why);
	if (!err) {
		body = mem_alloc(in.body_size);
		must(pread(in.fd, body, in.body_size, (off_t)in.body_offset) ==
		     (ssize_t)in.body_size);
		crypto_generichash(hash, sizeof(hash), body, in.body_size, NULL, 0);
		err = memcmp(hash, in.body_hash, sizeof(hash)) ? 1 : 0;
		mem_free(body);
		envelope_done(&e);
	}
	spool_in_close(&in);
	assert_int_equal(in.fd, -1);
	return err;
}

enum { BODY_DIFFERS = 1 };

static void make(const char *path, mode_t mode, struct span text)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text.p, text.n), text.n);
	assert_int_equal(fchmod(fd, mode), 0);
}

static size_t entries(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	size_t n = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* writing and reading */

static const struct {
	size_t size, piece;
	unsigned flags;
} messages[] = {
	{0, 1, 0},
	{1, 1, 0},
	{1000, 1, SPOOL_FLAG_EIGHT_BIT},
	{65535, 4096, 0},
	{65536, 65536, SPOOL_FLAG_EIGHT_BIT},
	{65537, 70000, 0},
	{3 * 1024 * 1024 + 7, 100000, SPOOL_FLAG_EIGHT_BIT},
	{3 * 1024 * 1024 + 7, 4 * 1024 * 1024, 0},
};

static void check_read(struct span body, unsigned flags)
{
	char why[SPOOL_WHY_SIZE] = "?";
	struct envelope e;
	struct spool_in in;
	uint8_t *back;

	assert_int_equal(spool_in_open(PATH, &in, why), 0);
	assert_string_equal(why, "");
	assert_int_equal(in.flags, flags);
	assert_int_equal(in.body_size, body.n);
	assert_int_equal(spool_in_envelope(&in, &e, why), 0);
	assert_string_equal(e.id.s, ID);
	assert_string_equal(e.helo, "laptop");
	assert_int_equal(e.rcpts[0].copy, 4001);
	envelope_done(&e);
	back = mem_alloc(body.n);
	assert_int_equal(pread(in.fd, back, body.n, (off_t)in.body_offset), body.n);
	assert_true(span_eq(span_of(back, body.n), body));
	mem_free(back);
	spool_in_close(&in);
}

/* The file is as if the envelope had been so from the start. */
static void check_digest(size_t size)
{
	struct envelope e = envelope;
	struct spool_out o;
	struct spool_in in;
	char why[SPOOL_WHY_SIZE];

	e.has_digest = true;
	assert_int_equal(spool_out_begin(&o, "new", &e), 0);
	assert_int_equal(spool_out_write(&o, body_of(size)), 0);
	memset(e.digest, 0xa5, sizeof(e.digest));
	assert_int_equal(spool_out_envelope(&o, &e), 0);
	assert_int_equal(spool_out_end(&o, 0), 0);
	spool_out_done(&o);
	check_read(body_of(size), 0);
	assert_int_equal(spool_in_open(PATH, &in, why), 0);
	assert_int_equal(spool_in_envelope(&in, &e, why), 0);
	assert_true(e.has_digest);
	for (size_t i = 0; i < sizeof(e.digest); i++)
		assert_int_equal(e.digest[i], 0xa5);
	envelope_done(&e);
	spool_in_close(&in);
	assert_int_equal(unlink(PATH), 0);
}

static void test_the_envelope_can_be_written_again(void **state UNUSED)
{
	check_digest(0);
	check_digest(1000);
	check_digest(200000); /* when its first version is in the file already */
}

static void test_what_is_written_is_read(void **state UNUSED)
{
	char why[SPOOL_WHY_SIZE];
	struct stat st;

	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		struct span body = body_of(messages[i].size);

		write_file(body, messages[i].piece, messages[i].flags);
		check_read(body, messages[i].flags);
		assert_int_equal(read_file(why), 0);
		assert_int_equal(stat(PATH, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0644);
		assert_int_equal(unlink(PATH), 0);
	}
}

static void test_while_it_is_written_it_is_nobodys_promise(void **state UNUSED)
{
	char why[SPOOL_WHY_SIZE];
	struct spool_in in = {.fd = 4711};
	struct spool_out o;

	assert_int_equal(spool_out_begin(&o, "new", &envelope), 0);
	assert_int_equal(spool_in_open(PATH, &in, why), -EAGAIN);
	assert_int_equal(spool_out_write(&o, body_of(200000)), 0);
	assert_int_equal(spool_in_open(PATH, &in, why), -EAGAIN);
	assert_int_equal(in.fd, 4711);
	assert_int_equal(spool_out_end(&o, 0), 0);
	assert_int_equal(spool_in_open(PATH, &in, why), 0);
	spool_in_close(&in);
	spool_out_done(&o);
}

static void test_abort_leaves_nothing(void **state UNUSED)
{
	struct spool_out o;

	for (int step = 0; step < 3; step++) {
		assert_int_equal(spool_out_begin(&o, "new", &envelope), 0);
		if (step > 0)
			assert_int_equal(spool_out_write(&o, body_of(100000)), 0);
		if (step > 1)
			assert_int_equal(spool_out_end(&o, 0), 0);
		spool_out_abort(&o);
		assert_int_equal(o.fd, -1);
		assert_int_equal(entries("new"), 0);
		spool_out_abort(&o); /* again: nothing */
	}
}

static void test_a_second_file_of_the_same_id_is_refused(void **state UNUSED)
{
	char why[SPOOL_WHY_SIZE];
	struct spool_out o;

	write_file(body_of(100), 100, 0);
	assert_int_equal(spool_out_begin(&o, "new", &envelope), -EEXIST);
	assert_int_equal(o.fd, -1);
	spool_out_abort(&o);
	assert_int_equal(read_file(why), 0);
	assert_int_equal(unlink(PATH), 0);
	assert_int_equal(symlink("elsewhere", PATH), 0);
	assert_int_equal(spool_out_begin(&o, "new", &envelope), -EEXIST);
	assert_int_equal(access("new/elsewhere", F_OK), -1);
	assert_int_equal(unlink(PATH), 0);
	assert_int_equal(spool_out_begin(&o, "missing", &envelope), -ENOENT);
}

static void test_an_envelope_above_its_limit_is_refused(void **state UNUSED)
{
	struct envelope e = envelope;
	struct spool_out o;

	e.rcpt_count = LIMIT_ENVELOPE / 16;
	e.rcpts = mem_alloc(e.rcpt_count * sizeof(*e.rcpts));
	for (size_t i = 0; i < e.rcpt_count; i++)
		e.rcpts[i] = rcpt;
	assert_int_equal(spool_out_begin(&o, "new", &e), -EMSGSIZE);
	assert_int_equal(entries("new"), 0);
	mem_free(e.rcpts);
}

/* damage */

static size_t load(uint8_t *bytes, size_t size)
{
	AUTO_CLOSE int fd = open(PATH, O_RDONLY);
	ssize_t n = pread(fd, bytes, size, 0);

	assert_true(n > 0 && (size_t)n < size);
	return (size_t)n;
}

/* Any bit of envelope and END record is missed by queued, any of the body by who reads it. */
static void test_every_flipped_bit_is_seen(void **state UNUSED)
{
	char why[SPOOL_WHY_SIZE];
	uint8_t bytes[2048];
	size_t body = 200, n, end;

	write_file(body_of(body), body, 0);
	n = load(bytes, sizeof(bytes));
	end = n - SPOOL_END_SIZE;
	for (size_t i = 0; i < 8 * n; i++) {
		AUTO_CLOSE int fd = open(PATH, O_WRONLY);
		uint8_t flipped = bytes[i / 8] ^ (uint8_t)(1 << i % 8);
		bool in_body = i / 8 >= end - body && i / 8 < end;

		assert_int_equal(pwrite(fd, &flipped, 1, (off_t)(i / 8)), 1);
		int err = read_file(why);
		if (err != (in_body ? BODY_DIFFERS : -EBADMSG))
			fail_msg("bit %zu of byte %zu, %zd before the end record: %d", i % 8, i / 8,
				 (ssize_t)(end - i / 8), err);
		assert_int_equal(why[0] != '\0', !in_body);
		assert_int_equal(pwrite(fd, bytes + i / 8, 1, (off_t)(i / 8)), 1);
	}
	assert_int_equal(read_file(why), 0);
}

static void test_a_file_cut_anywhere_is_refused(void **state UNUSED)
{
	char why[SPOOL_WHY_SIZE];
	uint8_t bytes[2048];

	write_file(body_of(300), 300, 0);
	for (size_t n = load(bytes, sizeof(bytes)); n-- > 0;) {
		assert_int_equal(truncate(PATH, (off_t)n), 0);
		if (read_file(why) != -EBADMSG)
			fail_msg("cut to %zu", n);
		assert_true(strlen(why) > 0);
	}
}

static void test_bytes_more_are_refused(void **state UNUSED)
{
	char why[SPOOL_WHY_SIZE];
	uint8_t bytes[2048];
	size_t n;

	write_file(body_of(300), 300, 0);
	n = load(bytes, sizeof(bytes));
	assert_int_equal(unlink(PATH), 0);
	bytes[n] = '\n';
	make(PATH, 0644, span_of(bytes, n + 1));
	assert_int_equal(read_file(why), -EBADMSG);
	assert_int_equal(unlink(PATH), 0);
	memmove(bytes + 1, bytes, n);
	make(PATH, 0644, span_of(bytes, n + 1));
	assert_int_equal(read_file(why), -EBADMSG);
	assert_string_equal(why, "the END record's lengths do not fit the file");
}

/* END records whose hashes fit nothing; the lengths alone must refuse them. */
static const struct {
	const char *lengths, *why;
} lies[] = {
	{"0000000000000000 0000000000000000", NULL}, /* a file of nothing but its END record */
	{"0000000000000001 0000000000000000", "the END record's lengths do not fit the file"},
	{"ffffffffffffffff ffffffffffffffff", "the END record's lengths do not fit the file"},
	{"ffffffffffffff52 0000000000000000", "the END record's lengths do not fit the file"},
	{"8000000000000000 8000000000000000", "the END record's lengths do not fit the file"},
	{"0000000000000000-0000000000000000", "no END record at the end"},
	{"000000000000000g 0000000000000000", "no END record at the end"},
};

static void test_lying_lengths_are_refused(void **state UNUSED)
{
	char why[SPOOL_WHY_SIZE], text[SPOOL_END_SIZE + 1];
	struct spool_in in;

	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		snprintf(text, sizeof(text), "END1 %s 0000 %064d %064d\n", lies[i].lengths, 0, 0);
		make(PATH, 0644, span_of(text, SPOOL_END_SIZE));
		int err = spool_in_open(PATH, &in, why);
		assert_int_equal(err, lies[i].why ? -EBADMSG : 0);
		assert_string_equal(why, lies[i].why ? lies[i].why : "");
		if (!err)
			spool_in_close(&in);
		assert_int_equal(read_file(why), -EBADMSG);
		assert_int_equal(unlink(PATH), 0);
	}
}

static void test_an_envelope_that_would_be_too_long_is_not_read(void **state UNUSED)
{
	char why[SPOOL_WHY_SIZE], text[SPOOL_END_SIZE + 1];
	struct spool_in in = {.envelope_size = LIMIT_ENVELOPE + 1};

	spool_end_encode(&in, text);
	make(PATH, 0644, span_of(NULL, 0));
	assert_int_equal(truncate(PATH, LIMIT_ENVELOPE + 1), 0);
	int fd = open(PATH, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, text, SPOOL_END_SIZE), SPOOL_END_SIZE);
	fd_close(&fd);
	assert_int_equal(spool_in_open(PATH, &in, why), -EBADMSG);
	assert_string_equal(why, "the envelope is too long");
}

/* The hash fits, but there is no envelope in it. */
static void test_a_wrong_envelope_tells_why(void **state UNUSED)
{
	struct envelope e = envelope;
	char why[SPOOL_WHY_SIZE];
	struct spool_out o;

	e.rcpt_count = 0;
	assert_int_equal(spool_out_begin(&o, "new", &e), 0);
	assert_int_equal(spool_out_end(&o, 0), 0);
	spool_out_done(&o);
	assert_int_equal(read_file(why), -EBADMSG);
	assert_string_equal(why, "the envelope has a key missing");
}

static void make_symlink(void)
{
	assert_int_equal(symlink("../target", PATH), 0);
}

static void make_folder(void)
{
	assert_int_equal(mkdir(PATH, 0755), 0);
}

static void make_fifo(void)
{
	assert_int_equal(mkfifo(PATH, 0644), 0);
}

static void make_empty(void)
{
	make(PATH, 0644, SPAN_LIT(""));
}

static void make_private(void)
{
	make(PATH, 0600, SPAN_LIT("anything"));
}

static void make_nothing(void)
{
}

static const struct {
	void (*make)(void);
	int err;
	const char *why;
} others[] = {
	{make_symlink, -EBADMSG, "a symbolic link"},
	{make_folder, -EBADMSG, "not a regular file"},
	{make_fifo, -EBADMSG, "not a regular file"},
	{make_empty, -EBADMSG, "shorter than an END record"},
	{make_private, -EAGAIN, ""},
	{make_nothing, -ENOENT, ""},
};

static void test_what_is_no_spool_file_is_refused_without_waiting(void **state UNUSED)
{
	char why[SPOOL_WHY_SIZE];
	struct spool_in in = {.fd = 4711};

	write_file(body_of(10), 10, 0);
	assert_int_equal(rename(PATH, "target"), 0); /* a good file behind the symbolic link */
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		others[i].make();
		assert_int_equal(spool_in_open(PATH, &in, why), others[i].err);
		assert_string_equal(why, others[i].why);
		assert_int_equal(in.fd, 4711);
		assert_true(remove(PATH) == 0 || others[i].err == -ENOENT);
	}
	assert_int_equal(unlink("target"), 0);
}

/* sweep */

/* A process that has the file open and locked, as its writer. */
static pid_t hold(const char *path)
{
	int ready[2];
	char c;
	pid_t child;

	must(pipe(ready) == 0);
	child = fork();
	if (child == 0) {
		int fd = open(path, O_RDWR);

		if (fd < 0 || flock(fd, LOCK_EX) < 0 || write(ready[1], "1", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	fd_close(&ready[1]);
	must(child > 0 && read(ready[0], &c, 1) == 1);
	fd_close(&ready[0]);
	return child;
}

static void end_child(pid_t child)
{
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static const struct {
	const char *name, *path;
	mode_t mode;
	bool swept;
} leftovers[] = {
	{"an unlocked one", "new/0000000000000000000000000000000a", 0600, true},
	{"a complete one", "new/0000000000000000000000000000000b", 0644, false},
	{"one of another mode", "new/0000000000000000000000000000000c", 0640, false},
	{"no queue id", "new/facts-1", 0600, false},
	{"a locked one", "new/0000000000000000000000000000000d", 0600, false},
};

static void test_sweep_removes_only_what_a_dead_writer_left(void **state UNUSED)
{
	size_t locked = ARRAY_LEN(leftovers) - 1;
	pid_t child;

	for (size_t i = 0; i < ARRAY_LEN(leftovers); i++)
		make(leftovers[i].path, leftovers[i].mode, SPAN_LIT("v=1\n"));
	assert_int_equal(symlink("facts-1", "new/0000000000000000000000000000000e"), 0);
	assert_int_equal(mkdir("new/0000000000000000000000000000000f", 0600), 0);
	child = hold(leftovers[locked].path);
	assert_int_equal(spool_sweep("new"), 1);
	for (size_t i = 0; i < ARRAY_LEN(leftovers); i++)
		if ((access(leftovers[i].path, F_OK) != 0) != leftovers[i].swept)
			fail_msg("%s", leftovers[i].name);
	end_child(child);
	assert_int_equal(spool_sweep("new"), 1);
	assert_int_equal(access(leftovers[locked].path, F_OK), -1);
	assert_int_equal(spool_sweep("new"), 0);
	assert_int_equal(spool_sweep("missing"), 0);
	for (size_t i = 1; i < locked; i++)
		assert_int_equal(unlink(leftovers[i].path), 0);
	assert_int_equal(unlink("new/0000000000000000000000000000000e"), 0);
	assert_int_equal(rmdir("new/0000000000000000000000000000000f"), 0);
}

static void test_sweep_leaves_our_own_open_file(void **state UNUSED)
{
	char why[SPOOL_WHY_SIZE];
	struct spool_out o;

	assert_int_equal(spool_out_begin(&o, "new", &envelope), 0);
	assert_int_equal(spool_sweep("new"), 0);
	assert_int_equal(spool_out_end(&o, 0), 0);
	spool_out_done(&o);
	assert_int_equal(spool_sweep("new"), 0);
	assert_int_equal(read_file(why), 0);
}

/* the rest */

static void test_paths(void **state UNUSED)
{
	struct qid id = {ID};
	char path[SPOOL_PATH_SIZE];

	spool_path_new(SPOOL_NEW_SMTPD, &id, path);
	assert_string_equal(path, "spool/new/smtpd/" ID);
	spool_path_cur(&id, path);
	assert_string_equal(path, "spool/cur/7e/" ID);
	spool_path_kept(20780, &id, path);
	assert_string_equal(path, "kept/20780/7e/" ID);
	spool_path_kept(INT64_MIN, &id, path);
	assert_string_equal(path, "kept/-9223372036854775808/7e/" ID);
}

static void test_full_is_told_by_bytes_and_by_percent(void **state UNUSED)
{
	assert_true(spool_is_full("new", UINT64_MAX, 0));
	assert_true(spool_is_full("new", 0, 101));
	assert_false(spool_is_full("new", 0, 0));
	assert_false(spool_is_full("missing", UINT64_MAX, 100));
}

/* So that one failure is one. */
static int remove_file(void **state UNUSED)
{
	return remove(PATH) != 0 && errno != ENOENT;
}

#define WITH_FILE(t) cmocka_unit_test_teardown(t, remove_file)

static int setup(void **state UNUSED)
{
	umask(027);
	return sodium_init() < 0 || qid_parse(SPAN_LIT(ID), &envelope.id) != 0 ||
	       addr_parse(SPAN_LIT("bob@c.example"), &rcpt.addr) != 0 || !mkdtemp(folder) ||
	       chdir(folder) != 0 || mkdir("new", 0770) != 0;
}

static int teardown(void **state UNUSED)
{
	return rmdir("new") != 0 || chdir("/") != 0 || rmdir(folder) != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FILE(test_what_is_written_is_read),
		WITH_FILE(test_the_envelope_can_be_written_again),
		WITH_FILE(test_while_it_is_written_it_is_nobodys_promise),
		WITH_FILE(test_abort_leaves_nothing),
		WITH_FILE(test_a_second_file_of_the_same_id_is_refused),
		WITH_FILE(test_an_envelope_above_its_limit_is_refused),
		WITH_FILE(test_every_flipped_bit_is_seen),
		WITH_FILE(test_a_file_cut_anywhere_is_refused),
		WITH_FILE(test_bytes_more_are_refused),
		WITH_FILE(test_lying_lengths_are_refused),
		WITH_FILE(test_an_envelope_that_would_be_too_long_is_not_read),
		WITH_FILE(test_a_wrong_envelope_tells_why),
		WITH_FILE(test_what_is_no_spool_file_is_refused_without_waiting),
		WITH_FILE(test_sweep_removes_only_what_a_dead_writer_left),
		WITH_FILE(test_sweep_leaves_our_own_open_file),
		WITH_FILE(test_paths),
		WITH_FILE(test_full_is_told_by_bytes_and_by_percent),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
