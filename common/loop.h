/*
 * loop.h - the event loop of a daemon: one process, one loop (libevent's core behind it).
 *
 * Callbacks run one after another.  What a callback can still reach is freed at the end of the
 * loop turn: loop_later().  Hooks of loop_turn_end() run once after each turn, so that a whole
 * turn's work is committed at once.
 */
#ifndef COMMON_LOOP_H
#define COMMON_LOOP_H

#include "common/clock.h"

struct event_base;
struct loop_timer;
struct loop_fd;

void loop_init(void);
/* Also in a forked child that will make a loop of its own: the parent's is not touched. */
void loop_done(void);
/* Until loop_stop(). */
void loop_run(void);
void loop_stop(void);
struct event_base *loop_base(void);


/* A timer that exists until freed; unarmed at first; fires once per arming. */
struct loop_timer *loop_timer_new(void (*fn)(void *arg), void *arg);
void loop_timer_set(struct loop_timer *t, int64_t after_ms);
void loop_timer_stop(struct loop_timer *t);
void loop_timer_free(struct loop_timer **t); /* NULL inside is fine */

/* Watches a descriptor, which stays the caller's. */
struct loop_fd *loop_fd_new(int fd, void (*fn)(int fd, bool readable, bool writable, void *arg),
			    void *arg);
void loop_fd_want(struct loop_fd *w, bool read, bool write);
void loop_fd_free(struct loop_fd **w);

void loop_on_signal(int signo, void (*fn)(int signo));
/* Runs fn after each turn, in the order of registration (at most 8). */
void loop_turn_end(void (*fn)(void));
/* Runs fn(arg) at the end of this turn, once. */
void loop_later(void (*fn)(void *arg), void *arg);

#endif
