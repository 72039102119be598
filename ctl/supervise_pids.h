/*
 * supervise_pids.h - which processes are ours, on record in run/supervisor/pids, so that a new
 * supervisor can end those that a killed one left behind.
 *
 *	pids = "boot" SP id LF "session" SP number LF *( role SP pid SP start LF )
 *
 * start is the process's start time in clock ticks since boot (proc(5), stat, field 22): with
 * the boot's id it tells a leftover from a stranger who got the same number.  A daemon's workers
 * are in its process group and in our session.
 */
#ifndef CTL_SUPERVISE_PIDS_H
#define CTL_SUPERVISE_PIDS_H

#include "common/buf.h"
#include "common/roles.h"

enum { SUP_PIDS_MAX = 32 };

struct sup_pid {
	enum role role;
	pid_t pid; /* also its process group */
	uint64_t start;
};

struct sup_pids {
	char boot[40];
	pid_t session;
	size_t n;
	struct sup_pid at[SUP_PIDS_MAX];
};

struct sup_stat {
	pid_t group, session;
	uint64_t start;
	bool zombie;
};

/* pure */
void sup_pids_print(const struct sup_pids *p, struct buf *out);
int sup_pids_parse(struct span text, struct sup_pids *out) MUST_CHECK;
/* /proc/PID/stat: the name in it may hold anything, parentheses and line ends too. */
int sup_stat_parse(struct span text, struct sup_stat *out) MUST_CHECK;

/* Empty, for this boot and session. */
void sup_pids_init(struct sup_pids *p);
/* Adds a process of ours; -errno when it is gone. */
int sup_pids_add(struct sup_pids *p, enum role r, pid_t pid) MUST_CHECK;
void sup_pids_remove(struct sup_pids *p, pid_t pid);
int sup_pids_write(const struct sup_pids *p) MUST_CHECK;
void sup_pids_forget(void);

/* In which order daemons stop: whoever hands work over before who takes it. */
extern const enum role sup_stop_order[];
extern const size_t sup_stop_count;
/* Milliseconds that a daemon may take to stop. */
int64_t sup_grace_ms(enum role r, int64_t dot_timeout_ms);

/* Stops what the record of an earlier supervisor names and is still there, in that order:
 * SIGTERM, after its time SIGKILL.  waiting (may be NULL) is called once for each that is
 * waited for.  Blocks.  The number of processes found. */
size_t sup_leftovers_stop(int64_t dot_timeout_ms, void (*waiting)(enum role r, pid_t pid));

#endif
