#include "common/loop.h"

#include <event2/event.h>
#include <unistd.h>

enum { HOOKS_MAX = 8, SIGNALS_MAX = 8 };

struct loop_timer {
	struct event *ev;
	void (*fn)(void *arg);
	void *arg;
};

struct loop_fd {
	struct event *read_ev;
	struct event *write_ev;
	void (*fn)(int fd, bool readable, bool writable, void *arg);
	void *arg;
};

struct later {
	void (*fn)(void *arg);
	void *arg;
};

static struct {
	struct event_base *base;
	pid_t owner;
	bool stop;
	void (*hooks[HOOKS_MAX])(void);
	size_t hook_count;
	struct later *later;
	size_t later_count, later_cap;
	struct event *signals[SIGNALS_MAX];
	void (*signal_fn[SIGNALS_MAX])(int signo);
	size_t signal_count;
} loop;

void loop_init(void)
{
	/* its own would return an error for a piece of output that finds no memory, and go on: the
	 * message would arrive with a hole */
	event_set_mem_functions(mem_alloc, mem_grow, mem_free);
	loop.base = event_base_new();
	must(loop.base != NULL);
	loop.owner = getpid();
	loop.stop = false;
}

void loop_done(void)
{
	/* in a child: else the clean-up takes the parent's descriptors out of a shared epoll set */
	if (loop.base && loop.owner != getpid())
		must(event_reinit(loop.base) == 0);
	for (size_t i = 0; i < loop.signal_count; i++)
		event_free(loop.signals[i]);
	loop.signal_count = 0;
	loop.hook_count = 0;
	mem_free(loop.later);
	loop.later = NULL;
	loop.later_count = loop.later_cap = 0;
	if (loop.base)
		event_base_free(loop.base);
	loop.base = NULL;
}

static void run_later(void)
{
	/* what runs may add more */
	for (size_t i = 0; i < loop.later_count; i++)
		loop.later[i].fn(loop.later[i].arg);
	loop.later_count = 0;
}

void loop_run(void)
{
	while (!loop.stop) {
		int flags = EVLOOP_ONCE | (loop.later_count ? EVLOOP_NONBLOCK : 0);

		if (event_base_loop(loop.base, flags) != 0)
			break;
		for (size_t i = 0; i < loop.hook_count; i++)
			loop.hooks[i]();
		run_later();
	}
}

void loop_stop(void)
{
	loop.stop = true;
	event_base_loopbreak(loop.base);
}

struct event_base *loop_base(void)
{
	return loop.base;
}

static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *t = arg;

	(void)fd;
	(void)what;
	t->fn(t->arg);
}

struct loop_timer *loop_timer_new(void (*fn)(void *arg), void *arg)
{
	struct loop_timer *t = mem_alloc(sizeof(*t));

	t->fn = fn;
	t->arg = arg;
	t->ev = event_new(loop.base, -1, 0, timer_fired, t);
	must(t->ev != NULL);
	return t;
}

void loop_timer_set(struct loop_timer *t, int64_t after_ms)
{
	struct timeval tv;

	after_ms = after_ms < 0 ? 0 : after_ms;
	tv.tv_sec = after_ms / 1000;
	tv.tv_usec = (after_ms % 1000) * 1000;
	event_add(t->ev, &tv);
}

void loop_timer_stop(struct loop_timer *t)
{
	event_del(t->ev);
}

void loop_timer_free(struct loop_timer **t)
{
	if (!*t)
		return;
	event_free((*t)->ev);
	mem_free(*t);
	*t = NULL;
}

static void fd_fired(evutil_socket_t fd, short what, void *arg)
{
	struct loop_fd *w = arg;

	w->fn(fd, what & EV_READ, what & EV_WRITE, w->arg);
}

struct loop_fd *loop_fd_new(int fd, void (*fn)(int fd, bool readable, bool writable, void *arg),
			    void *arg)
{
	struct loop_fd *w = mem_alloc(sizeof(*w));

	w->fn = fn;
	w->arg = arg;
	w->read_ev = event_new(loop.base, fd, EV_READ | EV_PERSIST, fd_fired, w);
	w->write_ev = event_new(loop.base, fd, EV_WRITE | EV_PERSIST, fd_fired, w);
	must(w->read_ev && w->write_ev);
	return w;
}

static void want(struct event *ev, bool on)
{
	if (on)
		event_add(ev, NULL);
	else
		event_del(ev);
}

void loop_fd_want(struct loop_fd *w, bool read, bool write)
{
	want(w->read_ev, read);
	want(w->write_ev, write);
}

void loop_fd_free(struct loop_fd **w)
{
	if (!*w)
		return;
	event_free((*w)->read_ev);
	event_free((*w)->write_ev);
	mem_free(*w);
	*w = NULL;
}

static void signal_fired(evutil_socket_t signo, short what, void *arg)
{
	void (**fn)(int) = arg;

	(void)what;
	(*fn)(signo);
}

void loop_on_signal(int signo, void (*fn)(int signo))
{
	size_t i = loop.signal_count++;

	must(i < SIGNALS_MAX);
	loop.signal_fn[i] = fn;
	loop.signals[i] = evsignal_new(loop.base, signo, signal_fired, &loop.signal_fn[i]);
	must(loop.signals[i] && event_add(loop.signals[i], NULL) == 0);
}

void loop_turn_end(void (*fn)(void))
{
	must(loop.hook_count < HOOKS_MAX);
	loop.hooks[loop.hook_count++] = fn;
}

void loop_later(void (*fn)(void *arg), void *arg)
{
	if (loop.later_count == loop.later_cap) {
		loop.later_cap = loop.later_cap ? 2 * loop.later_cap : 16;
		loop.later = mem_grow(loop.later, loop.later_cap * sizeof(*loop.later));
	}
	loop.later[loop.later_count++] = (struct later){fn, arg};
}
