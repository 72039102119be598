/*
 * proc.h - what every daemon's main does: start, say that it is ready, reload, stop.
 *
 * A daemon is started with its instance's folder as working directory (all paths are relative to
 * it, so the folder may be moved, be deep, or lie where our user cannot look from the root), with
 * its user already set, and with listening sockets by LISTEN_FDS and LISTEN_FDNAMES
 * (sd_listen_fds(3)).  It says READY=1 by NOTIFY_SOCKET (sd_notify(3)).
 */
#ifndef COMMON_PROC_H
#define COMMON_PROC_H

#include <sysexits.h>

#include "common/conf/conf.h"
#include "common/file.h"

/* Ends the process with code; the message is logged.  In main.c and init functions only. */
NORETURN void die(int code, const char *fmt, ...) PRINTF(2, 3);

/* Signals that must not end us (PIPE), umask 027, descriptors limit to its hard maximum, log. */
void proc_init(const char *daemon_name);
/* Refuses to go on as uid 0. */
void proc_not_root(void);
/* The configuration in force: run/active.conf when the supervisor keeps one, else posthaste.conf;
 * dies when it cannot be read. */
struct conf *proc_conf_load(void);
/* Reads again on SIGHUP; on failure logs, keeps *c, and returns false. */
bool proc_conf_reload(struct conf **c);
/* READY=1 to NOTIFY_SOCKET, if there is one. */
void proc_ready(void);
/* Inherited listening sockets of that name: at most max, their number is returned. */
size_t proc_listen_fds(const char *name, int *fds, size_t max);
/* Threads and workers that a 0 in the configuration stands for. */
unsigned proc_cpus(void);
/* The child ends when its parent does: SIGTERM. */
void proc_die_with_parent(pid_t parent);
/* Starts a worker; in the child returns 0.  The child has parted from the parent's loop and gets
 * SIGTERM when the parent dies; signals are blocked until it has its own handlers and calls
 * proc_worker_started(). */
pid_t proc_fork_worker(void);
void proc_worker_started(void);

/* A 32-byte secret of ours: secrets/<role>/<name>; dies with what to do when it is missing. */
void secret_load(const char *role, const char *name, uint8_t key[32]);

#endif
