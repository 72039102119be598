#include "common/base.h"

#include <sysexits.h>
#include <unistd.h>

#include "common/log.h"

void must_failed(const char *cond, const char *file, int line)
{
	int err = errno;

	if (err == ENOMEM || err == EMFILE || err == ENFILE) { /* no fault of ours */
		LOG(LOG_ERROR, "exhausted", KERR(err), KS("condition", cond), KS("file", file),
		    KI("line", line));
		_exit(EX_OSERR);
	}
	LOG(LOG_ALERT, "bug", KS("condition", cond), KS("file", file), KI("line", line));
	abort();
}

void *mem_alloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	must(p != NULL);
	return p;
}

void *mem_grow(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	must(p != NULL);
	return p;
}

void *mem_copy(const void *p, size_t n)
{
	void *copy = mem_alloc(n);

	if (n)
		memcpy(copy, p, n);
	return copy;
}

char *mem_strdup(const char *s)
{
	return mem_copy(s, strlen(s) + 1);
}

void mem_free(void *p)
{
	free(p);
}

void fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}
