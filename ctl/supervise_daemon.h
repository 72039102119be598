/*
 * supervise_daemon.h - the life of one daemon under the supervisor: started, ready, dead and
 * started again after a growing delay, stopped within its time.
 *
 * A daemon is wanted or not; nothing else decides whether its death is followed by a start.
 */
#ifndef CTL_SUPERVISE_DAEMON_H
#define CTL_SUPERVISE_DAEMON_H

#include "common/loop.h"
#include "ctl/supervise_pids.h"
#include "ctl/supervise_spawn.h"

struct daemon {
	enum role role;
	bool wanted; /* to be started when it is not there */
	bool ready;
	bool stopping; /* told to end; past its time it is killed */
	bool killed;
	bool reload_due; /* SIGHUP when it becomes ready: before, it might have no handler yet */
	bool draining;	 /* has ended, but workers of its group have not */
	pid_t pid;	 /* 0: not there */
	pid_t group;	 /* the last pid */
	int notify;
	struct loop_fd *notify_watch;
	struct loop_timer *timer; /* alive: time to kill; draining: look again; dead: start */
	struct mono started, deadline;
	int64_t delay_ms; /* before the next start */
};

/* What daemons share. */
struct daemon_ctx {
	struct sup_sockets *sockets;
	struct sup_pids *pids;
	void (*changed)(struct daemon *d); /* became ready, or died, or is down */
};

void daemon_init(struct daemon *d, enum role r, const struct daemon_ctx *ctx);
void daemon_done(struct daemon *d);
/* Wanted from now on, and started. */
void daemon_start(struct daemon *d);
/* Not wanted any more; told to end, killed after grace_ms. */
void daemon_stop(struct daemon *d, int64_t grace_ms);
/* Ends it and starts it again at once. */
void daemon_restart(struct daemon *d, int64_t grace_ms);
/* To read the configuration again. */
void daemon_reload(struct daemon *d);
/* Its process has been reaped with this wait status. */
void daemon_exited(struct daemon *d, int status);
/* Neither it nor a process of its group is there, and none will be started. */
bool daemon_is_down(const struct daemon *d);

#endif
