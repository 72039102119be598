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

/* What workers share that flush by syncfs, in memory of all processes that are forked after it. */
struct flush_share *flush_share_new(void);
/* share: a batch may be flushed by one syncfs, where that is cheaper (flush_choice.h); NULL: it may
 * not. */
struct flusher *flusher_new(struct flush_share *share, void (*done)(void *cookie, int err));
void flush_add(struct flusher *f, int fd, void *cookie);
/* Is syncfs known to be as good as an fsync of each file where folder is?  ext4 and xfs were put to
 * power cuts; on FUSE it does nothing. */
bool flush_syncfs_is_durable(const char *folder);

#endif
