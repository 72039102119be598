/*
 * main.c - queued: owns the queue.  It claims accepted files, decides which copy goes when, gives
 * it to a delivery worker, and writes what came of it, with its event, in one transaction.
 *
 * Rights: no network; writes mail/mail.db, spool/cur, spool/corrupt, kept; renames and unlinks in
 * spool/new; reads control/control.db, secrets/queued.  See README.md.
 */
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/db/db.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "queued/queued.h"
#include "queued/store.h"

#define POKE "run/queued/poke"

enum {
	SWEEP_MS = 3600 * 1000,
	SWEEP_MORE_MS = 20,
	POKES_A_TURN = 256,
	WORK_MS = 4,
	PAUSED_WORK_MS = 50
};

struct conf *conf;

static struct {
	bool scan_due;
	struct loop_timer *scan, *sweep, *work;
	struct mono worked; /* when mail.db was last written for what came */
} self;

static void on_poke(int fd, bool readable, bool writable, void *arg)
{
	char byte;

	(void)readable;
	(void)writable;
	(void)arg;
	for (int i = 0; i < POKES_A_TURN; i++)
		if (recv(fd, &byte, 1, MSG_DONTWAIT) < 0)
			break;
	self.scan_due = true;
}

static void open_poke(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX, .sun_path = POKE};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	unlink(POKE);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 || chmod(POKE, 0660) < 0)
		die(EX_CANTCREAT, "%s: %s", POKE, strerror(errno));
	loop_fd_want(loop_fd_new(fd, on_poke, NULL), true, false);
}

static void on_scan(void *arg)
{
	(void)arg;
	self.scan_due = true;
	loop_timer_set(self.scan, conf->queue_scan_ms);
}

static void on_work(void *arg)
{
	(void)arg; /* the end of the turn does it */
}

static void on_sweep(void *arg)
{
	bool more = files_sweep();

	(void)arg;
	more |= retain_some();
	loop_timer_set(self.sweep, more ? SWEEP_MORE_MS : SWEEP_MS);
}

/* What the planner may hand out: workers come and go, the configuration changes. */
static struct plan_limits limits(void)
{
	unsigned workers = workers_ready();

	return (struct plan_limits){
		.domain = conf->queue_domain_in_flight,
		.total = (workers ? workers : 1) * conf->queue_in_flight,
		.reserved_percent = conf->queue_reserved,
	};
}

/* The bases of mail.db have few hot pages, which each transaction writes anew: so what comes within
 * WORK_MS shares one; while nothing may be delivered there is more time.  What comes alone does not
 * wait. */
static bool is_work_due(void)
{
	int64_t pace = deliver_paused() ? PAUSED_WORK_MS : WORK_MS;
	int64_t wait = self.worked.ms + pace - mono_now().ms;

	if (wait > 0 && (results_due() || self.scan_due))
		loop_timer_set(self.work, wait);
	return wait <= 0;
}

static void work(void)
{
	bool waiting = results_due() || self.scan_due;

	results_commit();
	if (self.scan_due) {
		self.scan_due = claim_some() == CLAIMED_PART;
		if (self.scan_due)
			loop_timer_set(self.scan, 0);
	}
	if (waiting)
		self.worked = mono_now();
}

/* One turn's work, in this order: facts first, then new mail, then what may go. */
static void turn_end(void)
{
	struct plan_limits now = limits();

	if (is_work_due())
		work();
	workers_dismiss();
	plan_limits_set(&jobs_plan, &now);
	deliver_due();
}

static void finish_old(uint64_t n, const struct qid *id)
{
	int64_t day = files_finish(id);

	if (day < 0)
		return;
	store_begin(false);
	store_put_kept(n, day);
	if (!store_commit())
		die(EX_IOERR, "mail/mail.db cannot be written; see above");
}

static void recover(void)
{
	char paused[8] = "no";

	store_load_open();
	claim_recover();
	while (claim_some() == CLAIMED_PART)
		;
	store_each_unkept(finish_old);
	inflight_open();
	jobs_each(results_again);
	if (!store_setting("paused", paused, sizeof(paused)) && db_error(store_db()))
		die(EX_IOERR, "mail/mail.db cannot be read: %s", db_error_text(store_db()));
	deliver_pause(strcmp(paused, "yes") == 0);
	if (deliver_paused())
		LOG(LOG_WARN, "paused");
}

static void on_term(int signo)
{
	(void)signo;
	results_commit();
	flow_save();
	loop_stop();
}

static void on_hup(int signo)
{
	(void)signo;
	(void)proc_conf_reload(&conf); /* the end of the turn sets the new limits */
}

int main(void)
{
	struct plan_limits first;

	proc_init("queued");
	proc_not_root();
	must(sodium_init() >= 0);
	conf = proc_conf_load();
	loop_init();
	first = limits();
	jobs_init(&first);
	claim_init();
	deliver_init();
	results_init();
	files_init();
	store_open();
	suppress_init();
	recover();
	workers_init();
	flow_init();
	admin_init();
	open_poke();
	self.scan = loop_timer_new(on_scan, NULL);
	self.sweep = loop_timer_new(on_sweep, NULL);
	self.work = loop_timer_new(on_work, NULL);
	on_scan(NULL);
	on_sweep(NULL);
	loop_on_signal(SIGTERM, on_term);
	loop_on_signal(SIGINT, on_term);
	loop_on_signal(SIGHUP, on_hup);
	loop_turn_end(turn_end);
	proc_ready();
	loop_run();
	store_close();
	return EX_OK;
}
