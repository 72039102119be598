/*
 * doors.c - see doors.h.
 *
 * A session needs two descriptors: its socket, and a spool file while a message comes.  Places are
 * limited so that they exist for everyone who was let in: nobody's 250 depends on a stranger not
 * holding the last one.
 */
#include "smtpd/doors.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "common/stream.h"
#include "smtpd/guard.h"

enum { SOCKETS_MAX = 3 * CONF_SOCKETS_MAX, BACKLOG = 1024, ACCEPTS_A_TURN = 64 };
enum { PAUSE_MS = 1000 };
/* descriptors that are not for sessions, and the percentage of the others that is */
enum { FDS_RESERVED = 10, FDS_PERCENT = 90, FDS_A_SESSION = 2 };

struct door {
	int fd;
	enum session_kind kind;
	struct loop_fd *watch;
};

static struct {
	struct door doors[SOCKETS_MAX];
	size_t count;
	struct loop_timer *resume;
	void (*take)(const struct arrival *a);
	uint32_t taken;
	int fds_before; /* in use when the worker had no session yet */
	bool closed;
} self;

/* opening */

static void add_door(int fd, enum session_kind kind)
{
	must(self.count < SOCKETS_MAX);
	self.doors[self.count++] = (struct door){.fd = fd, .kind = kind};
}

static int bind_socket(const struct conf_socket *at)
{
	int one = 1, fd;

	fd = socket(at->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die(EX_OSERR, "%s: %s", at->text, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (at->addr.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&at->addr, at->len) < 0 || listen(fd, BACKLOG) < 0)
		die(EX_UNAVAILABLE,
		    "%s cannot be listened on: %s; change listen.* in the "
		    "configuration or stop what uses it",
		    at->text, strerror(errno));
	return fd;
}

static void open_kind(const char *name, const struct conf_sockets *at, enum session_kind kind)
{
	int fds[CONF_SOCKETS_MAX];
	size_t n = proc_listen_fds(name, fds, CONF_SOCKETS_MAX);

	for (size_t i = 0; i < n; i++)
		add_door(fds[i], kind);
	for (size_t i = 0; i < at->n && !n; i++)
		add_door(bind_socket(&at->at[i]), kind);
}

void doors_open(const struct conf *conf)
{
	open_kind("submission", &conf->listen_submission, SESSION_SUBMISSION);
	open_kind("submissions", &conf->listen_submissions, SESSION_SUBMISSIONS);
	open_kind("mx", &conf->listen_mx, SESSION_MX);
	if (!self.count)
		die(EX_CONFIG, "nothing to listen on: set listen.submission, listen.submissions or "
			       "listen.mx");
}

/* descriptors */

/* How many may be in use; looked up each time: prlimit(1) may change it while we run. */
static uint64_t fds_room(void)
{
	struct rlimit lim;
	uint64_t all;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return 0;
	all = lim.rlim_cur < INT32_MAX ? lim.rlim_cur : INT32_MAX;
	all = all * FDS_PERCENT / 100;
	return all > FDS_RESERVED ? all - FDS_RESERVED : 0;
}

static uint64_t fds_promised(void)
{
	return (uint64_t)self.fds_before + (uint64_t)self.taken * FDS_A_SESSION;
}

static bool fds_suffice(void)
{
	return fds_promised() + FDS_A_SESSION <= fds_room();
}

bool doors_crowded(void)
{
	return fds_promised() * 100 > fds_room() * GUARD_CROWDED;
}

/* accepting */

static void want_all(bool on)
{
	for (size_t i = 0; i < self.count; i++)
		if (self.doors[i].watch)
			loop_fd_want(self.doors[i].watch, on, false);
}

static void on_resume(void *arg)
{
	(void)arg;
	want_all(!self.closed);
}

static void pause_all(void)
{
	LOG_RATED(LOG_ERROR, "accept-paused", "", KERR(errno));
	want_all(false);
	loop_timer_set(self.resume, PAUSE_MS);
}

static void turn_away(const struct arrival *a, const char *reply, const char *reason)
{
	char client[IP_TEXT_SIZE], line[256];
	int fd = a->fd, n = snprintf(line, sizeof(line), "%s\r\n", reply);
	ssize_t sent = send(fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);

	ip_text((const struct sockaddr *)&a->peer, client);
	LOG_RATED(LOG_INFO, "turned-away", client, KS("client", client), KS("reason", reason),
		  KS("told", sent == n ? "yes" : "no"));
	fd_close(&fd);
}

static void let_in(struct arrival *a)
{
	enum guard_verdict v = GUARD_FULL;
	bool suffice = fds_suffice();

	if (suffice)
		v = guard_enter(a->kind == SESSION_MX, (struct sockaddr *)&a->peer, &a->place);
	switch (v) {
	case GUARD_OK:
		self.taken++;
		self.take(a);
		break;
	case GUARD_FULL:
		turn_away(a, "421 4.3.2 Too many sessions, try again later",
			  suffice ? "sessions" : "descriptors");
		break;
	case GUARD_ADDRESS_FULL:
		turn_away(a, "421 4.7.0 Too many sessions from your address, try again later",
			  "address");
		break;
	}
}

static void on_connection(int listen_fd, bool readable, bool writable, void *arg)
{
	const struct door *door = arg;

	(void)readable;
	(void)writable;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct arrival a = {.kind = door->kind};
		socklen_t len = sizeof(a.peer);

		a.fd = accept4(listen_fd, (struct sockaddr *)&a.peer, &len,
			       SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (a.fd < 0 &&
		    (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
			pause_all();
		if (a.fd < 0)
			return;
		let_in(&a);
	}
}

/* A descriptor made now gets the lowest number: so many are in use. */
static int fds_in_use(void)
{
	int fd = dup(self.doors[0].fd), n = fd;

	fd_close(&fd);
	return n < 0 ? 0 : n;
}

void doors_watch(void (*take)(const struct arrival *a))
{
	self.take = take;
	self.resume = loop_timer_new(on_resume, NULL);
	for (size_t i = 0; i < self.count; i++)
		self.doors[i].watch = loop_fd_new(self.doors[i].fd, on_connection, &self.doors[i]);
	want_all(true);
	self.fds_before = fds_in_use();
}

void doors_close(void)
{
	self.closed = true;
	for (size_t i = 0; i < self.count; i++)
		loop_fd_free(&self.doors[i].watch);
}

void doors_left(void *arg)
{
	must(self.taken > 0);
	self.taken--;
	guard_leave((uint32_t)(uintptr_t)arg);
}
