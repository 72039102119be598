/*
 * flush_choice.h - one syncfs for a batch of files, or an fsync for each?  (pure)
 *
 * A syncfs costs about the same however many files there are, but it also waits for all that
 * others have written to the same file system; an fsync waits for its file alone.  So both are
 * measured, and what was cheaper for that many files is taken.
 */
#ifndef COMMON_SPOOL_FLUSH_CHOICE_H
#define COMMON_SPOOL_FLUSH_CHOICE_H

#include "common/clock.h"

struct flush_choice {
	int64_t each_us;	     /* an fsync of one file; 0: not measured yet */
	int64_t all_us;		     /* a syncfs; 0: not measured yet */
	struct mono each_at, all_at; /* the last ones */
};

/* True: syncfs.  After one that was too dear it is tried again soon when quiet() says that little
 * waits to be written by anybody, else after half a minute; and so long after they were measured
 * fsyncs are measured anew. */
bool flush_choose_all(const struct flush_choice *c, size_t files, struct mono now,
		      bool (*quiet)(void));
void flush_took_each(struct flush_choice *c, size_t files, struct mono now, int64_t us);
void flush_took_all(struct flush_choice *c, struct mono now, int64_t us);

#endif
