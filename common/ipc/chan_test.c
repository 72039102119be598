/*
 * chan_test.c - connections on the loop.  Everything happens in callbacks: a loop runs once, and
 * finish() ends it after the turn that frees what was given up.
 */
#include "common/ipc/chan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"

enum { PACKETS = 10000, WITH_FD = 400, STUCK_MS = 60000 };

static char folder[] = "/tmp/chan-test-XXXXXX";
static struct loop_timer *guard, *soon;
static size_t open_before;

/* One side of a connection, and what it has seen. */
static struct end {
	struct chan *c;
	unsigned messages, closed;
	void (*on_message)(struct end *e, const struct ipc_msg *m, int *fd);
	void (*on_closed)(struct end *e);
} a, b, healthy_a, healthy_b;

static void message(struct chan *c, const struct ipc_msg *m, int *fd, void *arg)
{
	struct end *e = arg;

	assert_ptr_equal(c, e->c);
	e->messages++;
	if (e->on_message)
		e->on_message(e, m, fd);
}

static void closed(struct chan *c, void *arg)
{
	struct end *e = arg;

	assert_ptr_equal(c, e->c);
	e->closed++;
	e->c = NULL;
	if (e->on_closed)
		e->on_closed(e);
}

static const struct chan_ops ops = {.message = message, .closed = closed};

static void pair(int out[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, out),
			 0);
}

static void join(enum ipc_door door, struct end *listener, struct end *caller)
{
	int s[2];

	pair(s);
	listener->c = chan_new(s[0], door, IPC_LISTENER, &ops, listener);
	caller->c = chan_new(s[1], door, IPC_CALLER, &ops, caller);
}

static size_t open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	must(d != NULL);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void on_stuck(void *arg)
{
	(void)arg;
	fail_msg("%s", "the loop waits for something that does not come");
}

static void on_end(void *arg)
{
	(void)arg;
	loop_stop();
}

static void finish(void)
{
	struct end *ends[] = {&a, &b, &healthy_a, &healthy_b};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		chan_free(&ends[i]->c);
	loop_later(on_end, NULL);
}

static void on_soon(void *arg)
{
	(void)arg;
	finish();
}

/* After the turns in which everything that is on its way arrives. */
static void finish_soon(struct end *e)
{
	(void)e;
	loop_timer_set(soon, 20);
}

static int setup(void **state UNUSED)
{
	a = b = healthy_a = healthy_b = (struct end){0};
	open_before = open_descriptors();
	log_level_set(LOG_ALERT);
	loop_init();
	guard = loop_timer_new(on_stuck, NULL);
	loop_timer_set(guard, STUCK_MS);
	soon = loop_timer_new(on_soon, NULL);
	return 0;
}

static int teardown(void **state UNUSED)
{
	loop_timer_free(&guard);
	loop_timer_free(&soon);
	loop_done();
	return open_descriptors() == open_before ? 0 : -1;
}

/* order */

static struct span text_of(unsigned i)
{
	static char text[1024];

	memset(text, 'a' + (int)(i % 26), sizeof(text));
	return span_of(text, i * 37 % 1000);
}

static void in_order(struct end *e, const struct ipc_msg *m, int *fd)
{
	assert_int_equal(m->type, IPC_DONE);
	assert_int_equal(m->done.code, (uint16_t)(e->messages - 1));
	assert_true(span_eq(m->done.text, text_of(e->messages - 1)));
	assert_int_equal(*fd, -1);
	if (e->messages == PACKETS) {
		assert_true(chan_idle(a.c));
		finish();
	}
}

static void test_more_than_the_kernel_takes_arrives_in_order(void **state UNUSED)
{
	join(IPC_DOOR_ADMIN, &a, &b);
	b.on_message = in_order;
	assert_true(chan_idle(a.c));
	for (unsigned i = 0; i < PACKETS; i++) {
		struct ipc_msg m = {.type = IPC_DONE,
				    .done = {.code = (uint16_t)i, .text = text_of(i)}};

		chan_send(a.c, &m, -1);
	}
	assert_false(chan_idle(a.c));
	loop_run();
	assert_int_equal(b.messages, PACKETS);
	assert_int_equal(a.closed + b.closed, 0);
}

static void echo(struct end *e, const struct ipc_msg *m, int *fd)
{
	struct ipc_msg back = {.type = IPC_ACK, .ack = {.copy = m->result.copy}};

	(void)fd;
	chan_send(e->c, &back, -1);
}

static void count_echo(struct end *e, const struct ipc_msg *m, int *fd)
{
	(void)fd;
	assert_int_equal(m->ack.copy, e->messages);
	if (e->messages == PACKETS)
		finish();
}

static void test_answers_from_inside_the_callback_keep_their_order(void **state UNUSED)
{
	join(IPC_DOOR_DELIVER, &a, &b);
	a.on_message = echo;
	b.on_message = count_echo;
	for (unsigned i = 1; i <= PACKETS; i++) {
		struct ipc_msg m = {.type = IPC_RESULT, .result = {.copy = i}};

		chan_send(b.c, &m, -1);
	}
	loop_run();
	assert_int_equal(a.messages, PACKETS);
	assert_int_equal(b.messages, PACKETS);
}

static void test_a_peer_that_reads_nothing_is_thrown_out(void **state UNUSED)
{
	static char text[1024];
	struct ipc_msg m = {.type = IPC_DONE, .done.text = span_of(text, sizeof(text))};
	int s[2];

	pair(s);
	a.c = chan_new(s[0], IPC_DOOR_ADMIN, IPC_LISTENER, &ops, &a);
	a.on_closed = finish_soon;
	for (size_t sent = 0; sent < CHAN_QUEUE_MAX + 1024 * 1024; sent += sizeof(text))
		chan_send(a.c, &m, -1);
	assert_int_equal(a.closed, 0); /* not from inside chan_send() */
	loop_run();
	assert_int_equal(a.closed, 1);
	fd_close(&s[1]);
}

/* descriptors */

static int file_with(uint64_t v)
{
	int fd = memfd_create("numbered", MFD_CLOEXEC);

	must(fd >= 0 && write(fd, &v, sizeof(v)) == sizeof(v));
	return fd;
}

static void numbered(struct end *e, const struct ipc_msg *m, int *fd)
{
	uint64_t v = 0;

	assert_int_equal(m->queue.id, e->messages);
	assert_true(*fd >= 0);
	assert_int_equal(pread(*fd, &v, sizeof(v), 0), sizeof(v));
	assert_int_equal(v, m->queue.id);
	if (e->messages == WITH_FD)
		finish();
}

/* Those that the kernel took at once, and those that waited; all are closed again. */
static void test_each_packet_has_its_own_descriptor(void **state UNUSED)
{
	join(IPC_DOOR_CONTROL, &a, &b);
	b.on_message = numbered;
	for (uint64_t i = 1; i <= WITH_FD; i++) {
		AUTO_CLOSE int fd = file_with(i);
		struct ipc_msg m = {.type = IPC_QUEUE, .queue.id = i};

		chan_send(a.c, &m, fd);
	}
	assert_false(chan_idle(a.c));
	loop_run();
	assert_int_equal(b.messages, WITH_FD);
}

static int kept;

static void keep(struct end *e, const struct ipc_msg *m, int *fd)
{
	(void)e;
	(void)m;
	kept = *fd;
	*fd = -1;
	finish();
}

static void test_a_descriptor_is_kept_and_usable(void **state UNUSED)
{
	struct ipc_msg m = {.type = IPC_QUEUE};
	char text[3];
	int p[2];

	assert_int_equal(pipe(p), 0);
	join(IPC_DOOR_CONTROL, &a, &b);
	b.on_message = keep;
	chan_send(a.c, &m, p[1]);
	fd_close(&p[1]);
	loop_run();
	assert_int_equal(write(kept, "abc", 3), 3);
	fd_close(&kept);
	assert_int_equal(read(p[0], text, 3), 3);
	assert_int_equal(read(p[0], text, 1), 0); /* no other copy is open */
	fd_close(&p[0]);
}

static void test_what_waits_is_dropped_with_its_descriptors(void **state UNUSED)
{
	struct ipc_msg m = {.type = IPC_QUEUE};
	int fd = file_with(1);

	join(IPC_DOOR_CONTROL, &a, &b);
	for (int i = 0; i < WITH_FD; i++)
		chan_send(a.c, &m, fd);
	assert_false(chan_idle(a.c));
	fd_close(&fd);
	finish();
	loop_run();
	assert_int_equal(b.messages, 0);
}

/* bad packets */

enum { OVERLONG = LIMIT_IPC + 1 };

static const struct bad {
	const char *name;
	struct span bytes;
	size_t fds;
} bads[] = {
	{"garbage", SPAN_LIT("GET / HTTP/1.1\r\n\r\n"), 0},
	{"one byte", SPAN_LIT("\1"), 0},
	{"nothing", SPAN_LIT(""), 0},
	{"an ACK cut", SPAN_LIT("\1\15\0\0\0\0\0\0\0\0\0\0\0"), 0},
	{"an ACK and a byte more", SPAN_LIT("\1\15\0\0\0\0\0\0\0\0\0\0\0\0\0"), 0},
	{"an ACK of another version", SPAN_LIT("\2\15\0\0\0\0\0\0\0\0\0\0\0\0"), 0},
	{"an ACK with a descriptor", SPAN_LIT("\1\15\0\0\0\0\0\0\0\0\0\0\0\0"), 1},
	{"an ACK with five", SPAN_LIT("\1\15\0\0\0\0\0\0\0\0\0\0\0\0"), 5},
	{"a STOPPING from the wrong side", SPAN_LIT("\1\16\0"), 0},
	{"a CLAIM at the wrong door", SPAN_LIT("\1\62\0"), 0},
	{"a QUEUE of another door", SPAN_LIT("\1\24\0\0\0\0\0\0\0\0"), 1},
	{"more than a packet may have", {NULL, OVERLONG}, 0},
};

/* QUEUE's own door, where it must have one descriptor. */
static const struct bad queue_bads[] = {
	{"a QUEUE without a descriptor", SPAN_LIT("\1\24\0\0\0\0\0\0\0\0"), 0},
	{"a QUEUE with two", SPAN_LIT("\1\24\0\0\0\0\0\0\0\0"), 2},
	{"a QUEUE with four", SPAN_LIT("\1\24\0\0\0\0\0\0\0\0"), 4},
	{"a QUEUE with six", SPAN_LIT("\1\24\0\0\0\0\0\0\0\0"), 6},
};

static void send_raw(int sock, const struct bad *bad)
{
	static char zeros[OVERLONG];
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * 8)];
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)bad->bytes.p, bad->bytes.n};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

	if (!bad->bytes.p)
		iov.iov_base = zeros;
	if (bad->fds) {
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(sizeof(int) * bad->fds);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int) * bad->fds);
		for (size_t i = 0; i < bad->fds; i++)
			memcpy(CMSG_DATA(&control.align) + i * sizeof(int), &sock, sizeof(int));
	}
	assert_int_equal(sendmsg(sock, &h, MSG_NOSIGNAL), bad->bytes.n);
}

static void healthy_works(struct end *e, const struct ipc_msg *m, int *fd)
{
	(void)fd;
	assert_int_equal(m->ack.copy, 7);
	finish_soon(e);
}

static void use_healthy(struct end *e)
{
	struct ipc_msg m = {.type = IPC_ACK, .ack.copy = 7};

	(void)e;
	chan_send(healthy_a.c, &m, -1);
}

static void check_bad(const struct bad *bad, enum ipc_door door)
{
	int s[2];

	setup(NULL);
	pair(s);
	b.c = chan_new(s[1], door, IPC_CALLER, &ops, &b);
	b.on_closed = use_healthy;
	join(IPC_DOOR_DELIVER, &healthy_a, &healthy_b);
	healthy_b.on_message = healthy_works;
	send_raw(s[0], bad);
	send_raw(s[0], bad); /* what follows is not looked at */
	loop_run();
	if (b.closed != 1 || b.messages)
		fail_msg("%s: closed %u times, %u messages", bad->name, b.closed, b.messages);
	assert_int_equal(healthy_b.messages, 1);
	assert_int_equal(healthy_a.closed + healthy_b.closed, 0);
	fd_close(&s[0]);
	if (teardown(NULL) != 0)
		fail_msg("%s: a descriptor stays open", bad->name);
}

static void test_a_bad_packet_closes_only_its_connection(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(bads); i++)
		check_bad(&bads[i], IPC_DOOR_DELIVER);
	for (size_t i = 0; i < ARRAY_LEN(queue_bads); i++)
		check_bad(&queue_bads[i], IPC_DOOR_CONTROL);
}

static void free_peer(struct end *e, const struct ipc_msg *m, int *fd)
{
	(void)m;
	(void)fd;
	chan_free(&e->c);
	assert_null(e->c);
}

/* What it had sent before still arrives; then closed() comes, once. */
static void test_the_end_of_a_peer_is_told_after_its_packets(void **state UNUSED)
{
	struct ipc_msg ack = {.type = IPC_ACK}, stop = {.type = IPC_STOPPING};

	join(IPC_DOOR_DELIVER, &a, &b);
	for (int i = 0; i < 3; i++)
		chan_send(a.c, &ack, -1);
	chan_send(b.c, &stop, -1);
	a.on_message = free_peer;
	b.on_closed = finish_soon;
	loop_run();
	assert_int_equal(a.messages, 1);
	assert_int_equal(a.closed, 0);
	assert_int_equal(b.messages, 3);
	assert_int_equal(b.closed, 1);
}

static void test_freed_inside_its_callback_it_gets_nothing_more(void **state UNUSED)
{
	struct ipc_msg stop = {.type = IPC_STOPPING}, ack = {.type = IPC_ACK};

	join(IPC_DOOR_DELIVER, &a, &b);
	for (int i = 0; i < 100; i++)
		chan_send(b.c, &stop, -1);
	chan_send(a.c, &ack, -1);
	a.on_message = free_peer;
	b.on_closed = finish_soon;
	loop_run();
	assert_int_equal(a.messages, 1);
	assert_int_equal(a.closed, 0);
	assert_int_equal(b.messages, 1);
	assert_int_equal(b.closed, 1);
}

static const struct {
	const char *name;
	unsigned unread; /* packets for the peer, which it does not read */
} deaths[] = {
	{"that had read everything", 0},
	{"that had not read one packet", 1},
	{"with more packets for it than the kernel takes", 5000},
};

static void check_death(size_t i)
{
	struct ipc_msg ack = {.type = IPC_ACK}, result = {.type = IPC_RESULT};
	struct buf bytes;
	int s[2];

	setup(NULL);
	pair(s);
	a.c = chan_new(s[0], IPC_DOOR_DELIVER, IPC_LISTENER, &ops, &a);
	a.on_closed = finish_soon;
	for (unsigned k = 0; k < deaths[i].unread; k++)
		chan_send(a.c, &ack, -1);
	buf_init(&bytes, LIMIT_IPC);
	ipc_encode(&result, &bytes);
	for (int k = 0; k < 3; k++)
		assert_int_equal(send(s[1], bytes.p, bytes.n, 0), bytes.n);
	buf_done(&bytes);
	fd_close(&s[1]);
	loop_run();
	if (a.messages != 3 || a.closed != 1)
		fail_msg("a peer %s: %u messages, closed %u times", deaths[i].name, a.messages,
			 a.closed);
	assert_int_equal(teardown(NULL), 0);
}

/* A result that was sent is a result, else its copy would go out twice. */
static void test_what_a_dead_peer_had_sent_arrives(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(deaths); i++)
		check_death(i);
}

static struct chan *lost_one;

static void free_when_closed(struct end *e)
{
	chan_free(&lost_one);
	assert_null(lost_one);
	finish_soon(e);
}

static void test_freeing_inside_closed_is_harmless(void **state UNUSED)
{
	struct ipc_msg ack = {.type = IPC_ACK};
	int s[2];

	pair(s);
	lost_one = a.c = chan_new(s[0], IPC_DOOR_DELIVER, IPC_LISTENER, &ops, &a);
	a.on_closed = free_when_closed;
	fd_close(&s[1]);
	chan_send(a.c, &ack, -1); /* nobody is there any more */
	loop_run();
	assert_int_equal(a.closed, 1);
	chan_free(&a.c);
}

/* a door and commands */

static int accepted_fd;

static void serve(struct end *e, const struct ipc_msg *m, int *fd)
{
	struct ipc_msg done = {.type = IPC_DONE, .done.text = SPAN_LIT("claimed")};
	struct ipc_msg found = {.type = IPC_MESSAGE, .message = {.body_offset = 1, .body_size = 2}};

	(void)fd;
	if (m->type == IPC_CLAIM) {
		chan_send(e->c, &done, -1);
	} else if (span_eq_str(m->fetch.id, "file")) {
		AUTO_CLOSE int file = file_with(4711);
		chan_send(e->c, &found, file);
	} else if (span_eq_str(m->fetch.id, "close")) {
		chan_free(&e->c);
	} else if (span_eq_str(m->fetch.id, "garbage")) {
		send_raw(accepted_fd, &(struct bad){"garbage", SPAN_LIT("\1x"), 0});
	} else if (span_eq_str(m->fetch.id, "other")) {
		send_raw(accepted_fd, &(struct bad){"other side", SPAN_LIT("\1\62\0"), 0});
	} else if (span_eq_str(m->fetch.id, "no file")) {
		send_raw(accepted_fd, &(struct bad){"MESSAGE without a file",
						    SPAN_LIT("\1\64\0\0\0\0\0\0\0\0"
							     "\0\0\0\0\0\0\0\0"),
						    0});
	}
}

static void on_accepted(int fd, void *arg)
{
	struct end *e = mem_alloc(sizeof(*e)); /* the child ends without cleaning up */

	(void)arg;
	accepted_fd = fd;
	e->on_message = serve;
	e->c = chan_new(fd, IPC_DOOR_ADMIN, IPC_LISTENER, &ops, e);
	must(chan_peer_uid(e->c) == getuid());
}

/* A process that listens at ADMIN; returns when it does. */
static pid_t start_listener(void)
{
	int ready[2];
	char c;
	pid_t child;

	must(pipe(ready) == 0);
	child = fork();
	if (child == 0) {
		struct chan_listener *l;

		loop_done();
		loop_init();
		if (chan_listen(IPC_DOOR_ADMIN, NULL, 0, on_accepted, NULL, &l) != 0 ||
		    write(ready[1], "1", 1) != 1)
			_exit(1);
		loop_run();
		_exit(2);
	}
	fd_close(&ready[1]);
	must(child > 0 && read(ready[0], &c, 1) == 1);
	fd_close(&ready[0]);
	return child;
}

static void end_listener(pid_t child)
{
	int status;

	/* it is still there: nothing that was asked has ended it */
	assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
}

static const struct {
	struct span id;
	int timeout_ms, err;
} calls[] = {
	{SPAN_LIT("close"), STUCK_MS, -EPROTO}, {SPAN_LIT("garbage"), STUCK_MS, -EPROTO},
	{SPAN_LIT("other"), STUCK_MS, -EPROTO}, {SPAN_LIT("no file"), STUCK_MS, -EPROTO},
	{SPAN_LIT("silent"), 30, -ETIMEDOUT},	{SPAN_LIT("file"), STUCK_MS, 0},
};

static void check_calls(struct buf *packet)
{
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		struct ipc_msg m = {.type = IPC_FETCH, .fetch.id = calls[i].id}, answer;
		int fd = -1;
		uint64_t v = 0;
		int err = chan_call(IPC_DOOR_ADMIN, &m, calls[i].timeout_ms, packet, &answer, &fd);

		if (err != calls[i].err)
			fail_msg("%.*s: %d", SPAN_FMT(calls[i].id), err);
		assert_int_equal(fd >= 0, err == 0);
		if (err)
			continue;
		assert_int_equal(answer.message.body_size, 2);
		assert_int_equal(pread(fd, &v, sizeof(v), 0), sizeof(v));
		assert_int_equal(v, 4711);
		fd_close(&fd);
	}
}

static void test_a_command_calls_a_daemon(void **state UNUSED)
{
	struct ipc_msg claim = {.type = IPC_CLAIM}, answer;
	struct buf packet;
	struct stat st;
	int fd = -1;

	pid_t child = start_listener();
	buf_init(&packet, LIMIT_IPC);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(chan_call(IPC_DOOR_ADMIN, &claim, STUCK_MS, &packet, &answer, &fd),
				 0);
		assert_int_equal(answer.type, IPC_DONE);
		assert_true(span_eq_str(answer.done.text, "claimed"));
		assert_int_equal(fd, -1);
	}
	check_calls(&packet);
	assert_int_equal(stat(ipc_door_path(IPC_DOOR_ADMIN), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	end_listener(child);
	assert_int_equal(chan_call(IPC_DOOR_ADMIN, &claim, STUCK_MS, &packet, &answer, &fd),
			 -ECONNREFUSED);
	assert_int_equal(unlink(ipc_door_path(IPC_DOOR_ADMIN)), 0);
	assert_int_equal(chan_call(IPC_DOOR_ADMIN, &claim, STUCK_MS, &packet, &answer, &fd),
			 -ENOENT);
	buf_done(&packet);
}

static void answered(struct end *e, const struct ipc_msg *m, int *fd)
{
	(void)e;
	(void)fd;
	assert_int_equal(m->type, IPC_DONE);
	finish();
}

/* The second listener takes the path over, as a restarted daemon does. */
static void test_a_connection_to_a_restarted_daemon(void **state UNUSED)
{
	struct ipc_msg claim = {.type = IPC_CLAIM};
	pid_t first = start_listener(), second;

	end_listener(first);
	second = start_listener();
	assert_int_equal(chan_connect(IPC_DOOR_ADMIN, &ops, &b, &b.c), 0);
	assert_int_equal(chan_peer_uid(b.c), getuid());
	b.on_message = answered;
	chan_send(b.c, &claim, -1);
	loop_run();
	assert_int_equal(b.messages, 1);
	end_listener(second);
	assert_int_equal(unlink(ipc_door_path(IPC_DOOR_ADMIN)), 0);
	assert_int_equal(chan_connect(IPC_DOOR_ADMIN, &ops, &b, &b.c), -ENOENT);
}

static int folder_make(void **state UNUSED)
{
	return mkdtemp(folder) && chdir(folder) == 0 && mkdir("run", 0755) == 0 &&
			       mkdir("run/queued", 0755) == 0
		       ? 0
		       : -1;
}

static int folder_remove(void **state UNUSED)
{
	return rmdir("run/queued") == 0 && rmdir("run") == 0 && chdir("/") == 0 &&
			       rmdir(folder) == 0
		       ? 0
		       : -1;
}

#define ON_LOOP(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_LOOP(test_more_than_the_kernel_takes_arrives_in_order),
		ON_LOOP(test_answers_from_inside_the_callback_keep_their_order),
		ON_LOOP(test_a_peer_that_reads_nothing_is_thrown_out),
		ON_LOOP(test_each_packet_has_its_own_descriptor),
		ON_LOOP(test_a_descriptor_is_kept_and_usable),
		ON_LOOP(test_what_waits_is_dropped_with_its_descriptors),
		cmocka_unit_test(test_a_bad_packet_closes_only_its_connection),
		ON_LOOP(test_the_end_of_a_peer_is_told_after_its_packets),
		ON_LOOP(test_freed_inside_its_callback_it_gets_nothing_more),
		cmocka_unit_test(test_what_a_dead_peer_had_sent_arrives),
		ON_LOOP(test_freeing_inside_closed_is_harmless),
		ON_LOOP(test_a_command_calls_a_daemon),
		ON_LOOP(test_a_connection_to_a_restarted_daemon),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
