#include "common/spool/pressure.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

enum { VERSION = 1, REOPEN_MS = 1000, TRIES = 8 };

struct pressure_page {
	uint32_t version;
	_Atomic uint32_t turn;
	int64_t written; /* monotonic: the same clock for all processes of the host */
	struct pressure p;
};

int pressure_make(struct pressure_page **out)
{
	AUTO_CLOSE int fd = -1;
	struct pressure_page *page;

	/* a new file: what readers have mapped stays whole and grows stale */
	unlink(PRESSURE_PATH);
	fd = open(PRESSURE_PATH, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0 || ftruncate(fd, sizeof(*page)) < 0)
		return -errno;
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return -errno;
	page->version = VERSION;
	*out = page;
	return 0;
}

void pressure_write(struct pressure_page *page, const struct pressure *p, struct mono now)
{
	uint32_t turn = atomic_load_explicit(&page->turn, memory_order_relaxed);

	atomic_store_explicit(&page->turn, turn + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	page->p = *p;
	page->written = now.ms;
	atomic_store_explicit(&page->turn, turn + 2, memory_order_release);
}

static void map(struct pressure_reader *r)
{
	AUTO_CLOSE int fd = open(PRESSURE_PATH, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	void *page;
	struct stat st;

	/* shorter: reading it would be a SIGBUS */
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(*r->page))
		return;
	page = mmap(NULL, sizeof(*r->page), PROT_READ, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return;
	pressure_reader_done(r);
	r->page = page;
}

/* False: the writer was at it each time. */
static bool copy_out(const struct pressure_page *page, struct pressure *out, int64_t *written)
{
	for (int i = 0; i < TRIES; i++) {
		uint32_t turn = atomic_load_explicit(&page->turn, memory_order_acquire);

		*out = page->p;
		*written = page->written;
		atomic_thread_fence(memory_order_acquire);
		if (turn % 2 == 0 &&
		    atomic_load_explicit(&page->turn, memory_order_relaxed) == turn)
			return true;
	}
	return false;
}

static bool read_page(const struct pressure_reader *r, struct mono now, struct pressure *out)
{
	int64_t written;

	return r->page && r->page->version == VERSION && copy_out(r->page, out, &written) &&
	       now.ms - written < PRESSURE_STALE_MS && written <= now.ms &&
	       out->level <= PRESSURE_LEVEL_MAX && out->server_count <= PRESSURE_SERVERS_MAX;
}

bool pressure_read(struct pressure_reader *r, struct mono now, struct pressure *out)
{
	if (read_page(r, now, out))
		return true;
	if (r->opened.ms && now.ms - r->opened.ms < REOPEN_MS)
		return false;
	r->opened = now;
	map(r);
	return read_page(r, now, out);
}

void pressure_reader_done(struct pressure_reader *r)
{
	if (r->page)
		munmap((void *)(uintptr_t)r->page, sizeof(*r->page));
	r->page = NULL;
}
