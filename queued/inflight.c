/*
 * inflight.c - mail/inflight: which copies were with which worker, for the next start.
 *
 * A copy that is given to a worker gets a slot (copy id, worker id), written and not flushed:
 * what a kill of queued leaves there is enough, and after a power cut no worker lives.  At the
 * start a marked copy waits for its worker: until that names it (INFLIGHT, RESULT), says that it
 * has it no more, or is dead; then nobody knows how far it came, and it counts as uncertain.
 * A worker's id holds its pid (deliverd/pool.h).
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "queued/queued.h"

#define MARKS "mail/inflight"

enum { SLOTS = 65536, CHECK_MS = 200, SLACK_MS = 60000 };

struct slot {
	uint64_t copy, worker;
};

static struct {
	int fd;
	struct slot slots[SLOTS]; /* copy 0: free */
	size_t next;		  /* where to look for a free one */
	size_t waiting;		  /* copies that wait for a worker of before */
	struct mono give_up;
	struct loop_timer *timer;
} self;

static void write_slot(size_t i)
{
	if (pwrite(self.fd, &self.slots[i], sizeof(struct slot), (off_t)(i * sizeof(struct slot))) <
	    0)
		LOG(LOG_WARN, "mark-failed", KERR(errno));
}

void inflight_mark(struct job *j, uint64_t worker)
{
	if (j->mark)
		inflight_clear(j);
	for (size_t n = 0; n < SLOTS; n++) {
		size_t i = self.next++ % SLOTS;

		if (self.slots[i].copy)
			continue;
		self.slots[i] = (struct slot){j->copy, worker};
		j->mark = i + 1;
		write_slot(i);
		return;
	}
	LOG_RATED(LOG_WARN, "mark-failed", MARKS, KS("error", "all places are taken"));
}

void inflight_clear(struct job *j)
{
	if (!j->mark)
		return;
	self.slots[j->mark - 1] = (struct slot){0};
	write_slot(j->mark - 1);
	j->mark = 0;
}

/* Is that process still a delivery worker, and not a later one's or another program's (after a
 * reboot, numbers begin anew)?  When nobody lets us look, it counts as dead. */
static bool lives(uint64_t worker)
{
	static const char comm[] = "posthaste-deliv"; /* the kernel keeps 15 bytes */
	char path[64];
	struct buf name;
	bool is_one;

	if (workers_reuse_pid(worker))
		return false;
	snprintf(path, sizeof(path), "/proc/%llu/comm",
		 (unsigned long long)worker >> WORKER_PID_SHIFT);
	if (file_read(path, 64, &name) != 0)
		return false;
	is_one = span_eq_str(span_head(buf_span(&name), sizeof(comm) - 1), comm);
	buf_done(&name);
	return is_one;
}

/* True: it need not wait any more. */
static bool settle(struct job *j, uint64_t worker)
{
	if (!j->former)
		return true;
	if (workers_has_told(worker)) { /* and has not named it: given up before the final dot */
		j->former = false;
		inflight_clear(j);
		results_again(j);
		return true;
	}
	if (lives(worker) && mono_now().ms < self.give_up.ms)
		return false;
	results_add_own(j, "", "4.4.2", "the delivery worker died during the attempt", true);
	return true;
}

static void on_check(void *arg)
{
	(void)arg;
	self.waiting = 0;
	for (size_t i = 0; i < SLOTS; i++) {
		struct job *j = self.slots[i].copy ? jobs_find(self.slots[i].copy) : NULL;

		if (j && !settle(j, self.slots[i].worker))
			self.waiting++;
	}
	if (self.waiting)
		loop_timer_set(self.timer, CHECK_MS);
}

static void read_marks(void)
{
	ssize_t n = pread(self.fd, self.slots, sizeof(self.slots), 0);
	size_t whole = n > 0 ? (size_t)n / sizeof(struct slot) : 0;

	memset(self.slots + whole, 0, sizeof(self.slots) - whole * sizeof(struct slot));
	for (size_t i = 0; i < whole; i++) {
		struct job *j = self.slots[i].copy ? jobs_find(self.slots[i].copy) : NULL;

		if (!j || j->mark) {
			self.slots[i] = (struct slot){0};
			write_slot(i);
			continue;
		}
		j->mark = i + 1;
		j->former = true;
		self.waiting++;
	}
}

void inflight_open(void)
{
	self.fd = open(MARKS, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (self.fd < 0)
		die(EX_CANTCREAT, "%s: %s; the folder must belong to queued's user", MARKS,
		    strerror(errno));
	read_marks();
	self.timer = loop_timer_new(on_check, NULL);
	self.give_up.ms = mono_now().ms + conf->deliver_dot_timeout_ms + SLACK_MS;
	if (self.waiting) {
		LOG(LOG_INFO, "were-in-flight", KU("copies", self.waiting));
		loop_timer_set(self.timer, CHECK_MS);
	}
}
