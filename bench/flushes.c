/*
 * flushes.c - preloaded by the benchmarks: counts fsync, fdatasync and syncfs of all processes in a
 * shared page (POSTHASTE_FLUSHES_PAGE), and makes each take longer by POSTHASTE_FLUSHES_DELAY_US.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t *page;
static unsigned delay_us;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("POSTHASTE_FLUSHES_PAGE");
	const char *delay = getenv("POSTHASTE_FLUSHES_DELAY_US");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at = fd >= 0 ? mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
			   : MAP_FAILED;

	delay_us = delay ? (unsigned)atoi(delay) : 0;
	page = at == MAP_FAILED ? NULL : at;
	if (fd >= 0)
		close(fd);
}

static int flush(const char *name, int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);

	if (page)
		__atomic_add_fetch(page, 1, __ATOMIC_RELAXED);
	if (delay_us)
		usleep(delay_us);
	return real(fd);
}

int fsync(int fd)
{
	return flush("fsync", fd);
}

int fdatasync(int fd)
{
	return flush("fdatasync", fd);
}

int syncfs(int fd)
{
	return flush("syncfs", fd);
}
