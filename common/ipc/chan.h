/*
 * chan.h - one connection between two processes on the loop: packets of ipc.def, with
 * descriptors.
 *
 * Sending never blocks: what the kernel does not take now (EAGAIN is normal: few large packets
 * fit) waits here up to CHAN_QUEUE_MAX bytes.  A packet that does not decode, is not allowed at
 * this door from that side, or comes with a wrong number of descriptors closes this connection
 * and is logged; the process goes on.
 */
#ifndef COMMON_IPC_CHAN_H
#define COMMON_IPC_CHAN_H

#include "common/ipc/ipc.h"

enum { CHAN_QUEUE_MAX = 8 * 1024 * 1024 };

struct chan;

struct chan_ops {
	/* The message's spans live until the function returns.  *fd is the descriptor that came
	 * along, or -1; set it to -1 to keep it, else it is closed. */
	void (*message)(struct chan *c, const struct ipc_msg *m, int *fd, void *arg);
	/* The other side is gone or was thrown out.  The chan is freed after this returns; do
	 * not use it any more. */
	void (*closed)(struct chan *c, void *arg);
};

/* Takes fd, a non-blocking SOCK_SEQPACKET socket; `self` is our side of the door. */
struct chan *chan_new(int fd, enum ipc_door door, enum ipc_side self, const struct chan_ops *ops,
		      void *arg);
/* Connects to the door's path, relative to the working directory; -errno. */
int chan_connect(enum ipc_door door, const struct chan_ops *ops, void *arg,
		 struct chan **out) MUST_CHECK;
/* Closes without calling closed(); *c becomes NULL.  Safe inside callbacks. */
void chan_free(struct chan **c);
/* fd: -1, or a descriptor that is duplicated here (the caller keeps its own). */
void chan_send(struct chan *c, const struct ipc_msg *m, int fd);
bool chan_idle(const struct chan *c); /* nothing waits to be sent */
/* Who connected: uid of the other side. */
uid_t chan_peer_uid(const struct chan *c);

/* Listens at a door; new connections come to accepted(), which makes a chan of them or closes.
 * Permitted are our own uid, root and the uids given. */
struct chan_listener;
int chan_listen(enum ipc_door door, const uid_t *uids, size_t uid_count,
		void (*accepted)(int fd, void *arg), void *arg,
		struct chan_listener **out) MUST_CHECK;
void chan_listener_free(struct chan_listener **l);

/* For commands, without a loop: connect, send one, wait for one answer.  packet keeps the bytes
 * that the answer's spans point into.  *fd_out: a descriptor that came along, or -1; for a request
 * with one, first the caller's, which stays open.  -errno; -ETIMEDOUT. */
int chan_call(enum ipc_door door, const struct ipc_msg *request, int timeout_ms, struct buf *packet,
	      struct ipc_msg *answer_out, int *fd_out) MUST_CHECK;

#endif
