/*
 * base.h - what every file of the project begins with.
 *
 * Compiler extensions live here and nowhere else, so that the rest is plain C17.  must() is for
 * our own bugs: it is always compiled in, logs and aborts, and the supervisor starts us again.
 * Bad input is never a must().
 */
#ifndef COMMON_BASE_H
#define COMMON_BASE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF(fmt_arg, first_arg) __attribute__((format(printf, fmt_arg, first_arg)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))
#define AUTO_CLOSE __attribute__((cleanup(fd_close)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* checked arithmetic: true when the result does not fit */
#define add_overflows(a, b, out) __builtin_add_overflow(a, b, out)
#define mul_overflows(a, b, out) __builtin_mul_overflow(a, b, out)

#define must(cond) ((cond) ? (void)0 : must_failed(#cond, __FILE__, __LINE__))

/* Where errno says that there was no memory or no descriptor the process ends with EX_OSERR;
 * else it aborts. */
NORETURN void must_failed(const char *cond, const char *file, int line);

/* Memory from here never comes back NULL: without memory a daemon ends (exhausted, EX_OSERR) and
 * is started again; what it had accepted is on disk. */
void *mem_alloc(size_t n) MUST_CHECK; /* zeroed */
void *mem_grow(void *p, size_t n) MUST_CHECK;
void *mem_copy(const void *p, size_t n) MUST_CHECK;
char *mem_strdup(const char *s) MUST_CHECK;
void mem_free(void *p);

/* Closes *fd if it is open and sets it to -1; errno is kept. */
void fd_close(int *fd);

static inline size_t size_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

#endif
