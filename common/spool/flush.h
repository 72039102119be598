/*
 * flush.h - the helper thread that makes files durable, many with one wait.
 *
 * What ends while a flush runs gathers for the next; a lone file goes at once.  done() is called
 * on the loop with 0 or -errno; until then the descriptor must stay open.
 */
#ifndef COMMON_SPOOL_FLUSH_H
#define COMMON_SPOOL_FLUSH_H

#include "common/base.h"

struct flusher;

/* use_syncfs: the spool has a file system of its own, and a batch may be flushed by one syncfs. */
struct flusher *flusher_new(bool use_syncfs, void (*done)(void *cookie, int err));
void flush_add(struct flusher *f, int fd, void *cookie);
/* Is folder on another file system than the folder above it? */
bool flush_own_filesystem(const char *folder);

#endif
