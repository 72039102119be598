/*
 * worker.h - a delivery worker: many attempts at once on one loop.
 *
 * Its parent hands over sockets to queued on the CONTROL socket (a new one whenever queued was
 * started anew).  When queued is gone, copies before the final dot are given up (it plans them
 * again) and those after it are waited for; their results are kept for the next socket.
 */
#ifndef DELIVERD_WORKER_H
#define DELIVERD_WORKER_H

#include "common/base.h"
#include "common/conf/conf.h"

/* In the child, with a loop of its own: never returns.  conf is taken over. */
NORETURN void worker_run(int control, struct conf *conf);

#endif
