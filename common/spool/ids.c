/*
 * ids.c - blocks of copy ids.
 *
 * Without a counter file (a new spool, or one that was lost) counting begins at a number made
 * from the time: 2^18 for each second since 2025, so that it lies above everything that was dealt
 * before.
 */
#include "common/spool/ids.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/span.h"

enum { BLOCK = 1000, DIGITS = 20 };
#define EPOCH_2025 INT64_C(1735689600000)
#define N_MAX (UINT64_C(1) << 51)

void ids_init(struct ids *ids, const char *path, enum submitter submitter)
{
	*ids = (struct ids){.path = path, .submitter = submitter};
}

static uint64_t by_time(void)
{
	int64_t s = (wall_now().ms - EPOCH_2025) / 1000;

	return (uint64_t)(s > 0 ? s : 0) << 18;
}

static int read_counter(int fd, uint64_t *out)
{
	char text[DIGITS + 2]; /* one more, to see that nothing follows */
	ssize_t n = pread(fd, text, sizeof(text), 0);

	if (n < 0)
		return -errno;
	if (n == 0) {
		*out = by_time();
		return 0;
	}
	if (n != DIGITS + 1 || text[DIGITS] != '\n')
		return -EBADMSG;
	return span_u64(span_of(text, DIGITS), N_MAX, out);
}

static int new_block(struct ids *ids)
{
	AUTO_CLOSE int fd = open(ids->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	char text[DIGITS + 2];
	uint64_t n;
	int err;

	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return -errno;
	err = read_counter(fd, &n);
	if (err)
		return err;
	if (n + BLOCK >= N_MAX)
		return -ERANGE;
	snprintf(text, sizeof(text), "%0*llu\n", DIGITS, (unsigned long long)(n + BLOCK));
	if (pwrite(fd, text, DIGITS + 1, 0) != DIGITS + 1)
		return -EIO;
	if (fdatasync(fd) < 0)
		return -errno;
	ids->next = n;
	ids->end = n + BLOCK;
	return 0;
}

int ids_take(struct ids *ids, size_t count, uint64_t *first_out)
{
	must(count > 0 && count <= BLOCK);
	if (ids->end - ids->next < count) {
		int err = new_block(ids);

		if (err)
			return err;
	}
	*first_out = ids->next * 4 + ids->submitter;
	ids->next += count;
	return 0;
}
