/*
 * pool.h - the worker processes: started, restarted with backoff, stopped.
 *
 * A worker's id is its pid << 20 | count of the parent: queued looks whether that process lives.
 */
#ifndef DELIVERD_POOL_H
#define DELIVERD_POOL_H

#include "common/ipc/chan.h"

enum { POOL_MAX = 64 };

struct conf;

struct pool_worker {
	uint64_t id;
	pid_t pid;	      /* 0: none at the moment */
	struct chan *control; /* NULL: none, or it is about to end */
	int64_t started_ms, backoff_ms;
	struct loop_timer *restart;
};

/* conf is the parent's variable: a worker begins with what it holds then. */
void pool_start(size_t count, struct conf **conf);
/* Those that live, from slot *at on (which is moved on); NULL at the end. */
struct pool_worker *pool_next(size_t *at);
/* Is called for each worker that is started later. */
void pool_on_new(void (*fn)(struct pool_worker *w));
void pool_signal(int signo);
/* SIGTERM to all, no restarts any more, loop_stop() when the last one has ended. */
void pool_stop(void);

#endif
