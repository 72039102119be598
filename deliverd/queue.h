/*
 * queue.h - a worker's connection to queued: DELIVER in, RESULT out, each kept until its ACK.
 *
 * A result is repeated on every new connection until queued says that it is committed; so a kill
 * of queued makes no duplicate.  One in a process.
 */
#ifndef DELIVERD_QUEUE_H
#define DELIVERD_QUEUE_H

#include "common/ipc/chan.h"

struct queue_ops {
	/* A copy to deliver; as chan_ops.message. */
	void (*deliver)(const struct ipc_deliver *d, int *fd);
	void (*lost)(void);	    /* queued is gone; not called for queue_attach's own end */
	void (*acknowledged)(void); /* one result less to keep */
};

void queue_init(const struct queue_ops *ops);
/* A new connection takes the place of the old one.  copies: those being delivered. */
void queue_attach(int fd, const uint64_t *copies, size_t n);
bool queue_attached(void);
/* Sends it now or later. */
void queue_result(const struct ipc_result *r);
/* If the result of this attempt is kept: sends it again, true. */
bool queue_repeat(uint64_t copy, uint32_t attempt);
size_t queue_kept(void);
/* Tells queued to plan nothing more here; again on each new connection. */
void queue_stopping(void);

#endif
