/*
 * chan.c - connections of ipc.def's packets on the loop.
 *
 * Invariant: packets leave in the order of chan_send(), each whole with its descriptor.  Owner of
 * a chan is whoever made it; inside a callback chan_free() only marks it, and the memory goes at
 * the end of the loop turn.
 */
#include "common/ipc/chan.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"

enum { ACCEPT_PAUSE_MS = 1000, READS_A_TURN = 64, FDS_MAX = 4 };

struct packet {
	struct packet *next;
	int fd;
	size_t n;
	uint8_t bytes[];
};

struct chan {
	int fd;
	enum ipc_door door;
	enum ipc_side self;
	const struct chan_ops *ops;
	void *arg;
	struct loop_fd *watch;
	struct packet *first, **last;
	size_t queued;
	uid_t peer;
	bool dead;
};

struct chan_listener {
	int fd;
	struct loop_fd *watch;
	struct loop_timer *resume;
	uid_t uids[8];
	size_t uid_count;
	void (*accepted)(int fd, void *arg);
	void *arg;
};

static uint8_t packet_in[LIMIT_IPC];

static void free_now(void *arg)
{
	mem_free(arg);
}

static void packets_free(struct chan *c)
{
	while (c->first) {
		struct packet *p = c->first;

		c->first = p->next;
		fd_close(&p->fd);
		mem_free(p);
	}
	c->last = &c->first;
}

static void release(struct chan *c)
{
	c->dead = true;
	loop_fd_free(&c->watch);
	fd_close(&c->fd);
	packets_free(c);
	loop_later(free_now, c);
}

static void lost(struct chan *c)
{
	if (c->dead)
		return;
	c->dead = true;
	c->ops->closed(c, c->arg);
	release(c);
}

void chan_free(struct chan **c)
{
	if (!*c)
		return;
	if (!(*c)->dead)
		release(*c);
	*c = NULL;
}

/* receiving */

static int first_fd(struct msghdr *h, size_t *count)
{
	int kept = -1;

	*count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if ((*count)++ == 0)
				kept = fd;
			else
				fd_close(&fd);
		}
	}
	return kept;
}

/* Size of the packet, 0 at the end, -errno; *fd is what came with it, *fds how many. */
static ssize_t receive(int sock, uint8_t *bytes, size_t size, int *fd, size_t *fds)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control;
	struct iovec iov = {.iov_base = bytes, .iov_len = size};
	struct msghdr h = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	*fd = first_fd(&h, fds);
	if (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		*fds = FDS_MAX + 1;
	return n;
}

static enum ipc_side other(enum ipc_side side)
{
	return side == IPC_LISTENER ? IPC_CALLER : IPC_LISTENER;
}

static bool acceptable(const struct chan *c, struct span packet, size_t fds, struct ipc_msg *m)
{
	if (ipc_decode(packet, m) != 0 || !ipc_allowed(c->door, other(c->self), m->type) ||
	    fds != (ipc_has_fd(m->type) ? 1 : 0)) {
		LOG(LOG_ERROR, "ipc-refused", KI("door", c->door), KU("bytes", packet.n),
		    KS("message", packet.n >= 2 ? ipc_name(packet.p[1]) : "?"), KU("fds", fds));
		return false;
	}
	return true;
}

/* False when nothing more is to be read now. */
static bool read_one(struct chan *c)
{
	struct ipc_msg m;
	size_t fds = 0;
	int fd = -1;
	ssize_t n = receive(c->fd, packet_in, sizeof(packet_in), &fd, &fds);

	if (n == -EAGAIN || n == -EINTR)
		return false;
	/* the peer ended without reading all; told once, before what it had sent */
	if (n == -ECONNRESET)
		return true;
	if (n <= 0 || !acceptable(c, span_of(packet_in, (size_t)n), fds, &m)) {
		fd_close(&fd);
		lost(c);
		return false;
	}
	c->ops->message(c, &m, &fd, c->arg);
	fd_close(&fd);
	return !c->dead;
}

/* sending */

static int send_packet(int sock, struct span bytes, int fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes.p, .iov_len = bytes.n};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *c = &control.align;

		h.msg_control = &control;
		h.msg_controllen = sizeof(control.room);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	return sendmsg(sock, &h, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Sends what the kernel takes; 0, or -errno of a lost connection. */
static int flush_queue(struct chan *c)
{
	while (c->first) {
		struct packet *p = c->first;
		int err = send_packet(c->fd, span_of(p->bytes, p->n), p->fd);

		if (err == -EAGAIN || err == -EINTR || err == -ENOBUFS || err == -ETOOMANYREFS)
			break;
		if (err)
			return err;
		c->first = p->next;
		c->queued -= p->n;
		fd_close(&p->fd);
		mem_free(p);
	}
	if (!c->first)
		c->last = &c->first;
	loop_fd_want(c->watch, true, c->first != NULL);
	return 0;
}

/* The peer is gone, but what it had sent is still to be read; the end comes after it. */
static void give_up_sending(struct chan *c)
{
	packets_free(c);
	c->queued = 0;
	loop_fd_want(c->watch, true, false);
	shutdown(c->fd, SHUT_RDWR);
}

/* -errno: no descriptor is free for the packet's own. */
static int enqueue(struct chan *c, struct span bytes, int fd)
{
	int own = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;

	if (fd >= 0 && own < 0)
		return -errno;
	struct packet *p = mem_alloc(sizeof(*p) + bytes.n);
	p->n = bytes.n;
	p->fd = own;
	memcpy(p->bytes, bytes.p, bytes.n);
	*c->last = p;
	c->last = &p->next;
	c->queued += p->n;
	return c->queued > CHAN_QUEUE_MAX ? -ENOBUFS : 0;
}

void chan_send(struct chan *c, const struct ipc_msg *m, int fd)
{
	struct buf b;

	if (c->dead)
		return;
	must(ipc_allowed(c->door, c->self, m->type) && (fd >= 0) == ipc_has_fd(m->type));
	buf_init(&b, LIMIT_IPC);
	ipc_encode(m, &b);
	must(buf_ok(&b));
	int err = c->first ? -EAGAIN : send_packet(c->fd, buf_span(&b), fd);
	if (err == -EAGAIN || err == -EINTR || err == -ENOBUFS || err == -ETOOMANYREFS) {
		err = enqueue(c, buf_span(&b), fd);
		loop_fd_want(c->watch, true, true);
	}
	buf_done(&b);
	/* A dead peer shows itself to the reader too; a peer that reads nothing does not. */
	if (err)
		shutdown(c->fd, SHUT_RDWR);
}

bool chan_idle(const struct chan *c)
{
	return c->first == NULL;
}

uid_t chan_peer_uid(const struct chan *c)
{
	return c->peer;
}

static void on_ready(int fd, bool readable, bool writable, void *arg)
{
	struct chan *c = arg;

	(void)fd;
	if (writable && flush_queue(c) != 0)
		give_up_sending(c);
	for (int i = 0; readable && i < READS_A_TURN; i++)
		if (!read_one(c))
			return;
}

static uid_t uid_of_peer(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 ? cred.uid : (uid_t)-1;
}

struct chan *chan_new(int fd, enum ipc_door door, enum ipc_side self, const struct chan_ops *ops,
		      void *arg)
{
	struct chan *c = mem_alloc(sizeof(*c));

	*c = (struct chan){.fd = fd, .door = door, .self = self, .ops = ops, .arg = arg};
	c->last = &c->first;
	c->peer = uid_of_peer(fd);
	c->watch = loop_fd_new(fd, on_ready, c);
	loop_fd_want(c->watch, true, false);
	return c;
}

/* doors */

static int address_of(enum ipc_door door, struct sockaddr_un *sun)
{
	const char *path = ipc_door_path(door);

	must(path && strlen(path) < sizeof(sun->sun_path));
	*sun = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(sun->sun_path, path, strlen(path) + 1);
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int door_connect(enum ipc_door door)
{
	struct sockaddr_un sun;
	int fd = address_of(door, &sun);

	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd < 0 ? -errno : fd;
	int err = -errno;
	fd_close(&fd);
	return err;
}

int chan_connect(enum ipc_door door, const struct chan_ops *ops, void *arg, struct chan **out)
{
	int fd = door_connect(door);

	if (fd < 0)
		return fd;
	*out = chan_new(fd, door, IPC_CALLER, ops, arg);
	return 0;
}

static bool permitted(const struct chan_listener *l, uid_t uid)
{
	if (uid == 0 || uid == getuid())
		return true;
	for (size_t i = 0; i < l->uid_count; i++)
		if (l->uids[i] == uid)
			return true;
	return false;
}

static void on_connection(int listen_fd, bool readable, bool writable, void *arg)
{
	struct chan_listener *l = arg;
	int fd;

	(void)readable;
	(void)writable;
	while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		uid_t uid = uid_of_peer(fd);

		if (permitted(l, uid)) {
			l->accepted(fd, l->arg);
		} else {
			LOG(LOG_WARN, "ipc-stranger", KU("uid", uid));
			fd_close(&fd);
		}
	}
	if (errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS)
		return;
	/* the connection stays pending: without a pause we would spin on it */
	LOG(LOG_ERROR, "accept-paused", KERR(errno));
	loop_fd_want(l->watch, false, false);
	loop_timer_set(l->resume, ACCEPT_PAUSE_MS);
}

static void on_resume(void *arg)
{
	struct chan_listener *l = arg;

	loop_fd_want(l->watch, true, false);
}

static int bind_door(enum ipc_door door, int *out)
{
	struct sockaddr_un sun;
	int err, fd = address_of(door, &sun);

	if (fd < 0)
		return -errno;
	unlink(sun.sun_path);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 && chmod(sun.sun_path, 0660) == 0 &&
	    listen(fd, 128) == 0) {
		*out = fd;
		return 0;
	}
	err = -errno;
	fd_close(&fd);
	return err;
}

int chan_listen(enum ipc_door door, const uid_t *uids, size_t uid_count,
		void (*accepted)(int fd, void *arg), void *arg, struct chan_listener **out)
{
	struct chan_listener *l = mem_alloc(sizeof(*l));
	int err = bind_door(door, &l->fd);

	if (err) {
		mem_free(l);
		return err;
	}
	must(uid_count <= ARRAY_LEN(l->uids));
	if (uid_count)
		memcpy(l->uids, uids, uid_count * sizeof(*uids));
	l->uid_count = uid_count;
	l->accepted = accepted;
	l->arg = arg;
	l->resume = loop_timer_new(on_resume, l);
	l->watch = loop_fd_new(l->fd, on_connection, l);
	loop_fd_want(l->watch, true, false);
	*out = l;
	return 0;
}

void chan_listener_free(struct chan_listener **l)
{
	if (!*l)
		return;
	loop_fd_free(&(*l)->watch);
	loop_timer_free(&(*l)->resume);
	fd_close(&(*l)->fd);
	mem_free(*l);
	*l = NULL;
}

/* commands */

static int await(int fd, short events, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n = poll(&p, 1, timeout_ms);

	if (n == 0)
		return -ETIMEDOUT;
	return n < 0 ? -errno : 0;
}

static int call_on(int sock, enum ipc_door door, const struct ipc_msg *request, int timeout_ms,
		   struct buf *packet, struct ipc_msg *answer_out, int *fd_out)
{
	struct ipc_msg answer;
	size_t fds = 0;
	int fd = -1, err;

	buf_reset(packet);
	ipc_encode(request, packet);
	must(buf_ok(packet));
	err = send_packet(sock, buf_span(packet), ipc_has_fd(request->type) ? *fd_out : -1);
	if (!err)
		err = await(sock, POLLIN, timeout_ms);
	if (err)
		return err;
	buf_reset(packet);
	ssize_t n = receive(sock, buf_room(packet, LIMIT_IPC), LIMIT_IPC, &fd, &fds);
	if (n > 0)
		buf_used(packet, (size_t)n);
	if (n <= 0 || ipc_decode(buf_span(packet), &answer) != 0 ||
	    !ipc_allowed(door, IPC_LISTENER, answer.type) ||
	    fds != (ipc_has_fd(answer.type) ? 1 : 0)) {
		fd_close(&fd);
		return n < 0 ? (int)n : -EPROTO;
	}
	*answer_out = answer;
	*fd_out = fd;
	return 0;
}

int chan_call(enum ipc_door door, const struct ipc_msg *request, int timeout_ms, struct buf *packet,
	      struct ipc_msg *answer_out, int *fd_out)
{
	int sock = door_connect(door), err;

	if (sock < 0)
		return sock;
	err = call_on(sock, door, request, timeout_ms, packet, answer_out, fd_out);
	fd_close(&sock);
	return err;
}
