/*
 * queued.h - what the files of queued tell each other.
 */
#ifndef QUEUED_QUEUED_H
#define QUEUED_QUEUED_H

#include "common/conf/conf.h"
#include "common/control/control.h"
#include "common/ipc/ipc.h"
#include "common/spool/spool.h"
#include "queued/jobs.h"
#include "queued/usage.h"

struct suppression;

/* the configuration in force */
extern struct conf *conf;

/* claim.c: accepted files become rows and jobs */
void claim_init(void);
/* At the start: files in spool/cur that mail.db does not know. */
void claim_recover(void);
/* Claims what there is, at most a batch. */
enum claimed { CLAIMED_ALL, CLAIMED_PART, CLAIMED_NOT /* mail.db cannot be written now */ };
enum claimed claim_some(void);
/* Is it one of queue.bulk_streams? */
bool stream_is_bulk(struct span stream);

/* files.c: where a message's file is, and where it goes when the message is finished */
void files_init(void);
/* An open descriptor and the message's place in it, in cur, kept or new; -errno. */
int files_open(const struct qid *id, struct spool_in *out) MUST_CHECK;
/* From where queued found it (new or cur) to cur. */
int files_to_cur(const char *from, const struct qid *id) MUST_CHECK;
/* Into spool/corrupt, with a log line. */
void files_to_corrupt(const char *from, const char *name, const char *why);
/* The message is finished: to kept/ or gone.  The day to be stored. */
int64_t files_finish(const struct qid *id);
/* Removes the days of kept/ that have passed, some of it a call; true: there is more. */
bool files_sweep(void);

enum { WORKER_PID_SHIFT = 20 }; /* a worker's id: its pid, and a count (deliverd/pool.h) */

/* workers.c: deliverd's workers, their connections, and what each is doing */
void workers_init(void);
/* All that the parent named have said what they are doing: planning may begin. */
bool workers_known(void);
/* Gives a copy to the least busy worker; false: nobody has room. */
bool workers_give(struct job *j, const struct ipc_msg *deliver, int fd);
bool workers_have_room(void);
unsigned workers_ready(void); /* that may be given copies */
/* Lets those go that stop and have nothing more to tell. */
void workers_dismiss(void);
void workers_ack(struct worker *w, uint64_t copy, uint32_t attempt);

/* Has a connected worker of that id said all that it is doing? */
bool workers_has_told(uint64_t id);
/* Is there a connected worker with the same pid in another id? */
bool workers_reuse_pid(uint64_t id);

/* inflight.c: who had what, kept for the next start */
void inflight_open(void);
void inflight_mark(struct job *j, uint64_t worker);
void inflight_clear(struct job *j);

/* gate.c: what may stop a copy, looked at before each attempt */
enum gate {
	GATE_OPEN,
	GATE_STOPPED, /* it is held or ended; its change is in results.c */
	GATE_UNKNOWN, /* a database cannot be read now */
};
/* Is control.db there?  To be called before the others, once a turn is enough. */
bool gate_ready(void);
enum gate gate_look(struct job *j);
/* The smart host of its server, HOST:PORT or ""; where gate_look() was just GATE_OPEN. */
struct span gate_relay(const struct job *j);
/* The keys that sign: the From domain's, which must still be verified, and the instance's. */
enum gate gate_sign_list(struct job *j, struct control_sign_list *out);
/* What is known of a domain of the server; false: nothing, or control.db cannot be read now. */
bool gate_domain(uint64_t server, const struct domain *name, struct control_domain *out);
/* Looks up a server's limits, if that can be done now. */
void gate_note_limits(struct usage *u);

/* deliver.c: what is due and may go is given to workers */
void deliver_init(void);
void deliver_due(void);
void deliver_pause(bool on);
bool deliver_paused(void);

/* results.c: changes of copies, gathered for one transaction at the end of the loop turn.  A copy
 * that has one waiting is in no plan and takes no other. */
void results_init(void);
/* Copies m.  worker: who is to be acknowledged to.  j: its copy, which no worker has any more;
 * NULL: it had none of that number, and is only told that it may forget it. */
void results_add(const struct ipc_result *m, struct worker *worker, struct job *j);
/* A result of our own making, for a copy that never reached a worker or whose worker died. */
void results_add_own(struct job *j, const char *stage, const char *status, const char *text,
		     bool uncertain);
/* The message's file cannot be used: its copies are held, with an event. */
void results_add_corrupt(struct job *j, const char *why);
/* detail: for the event; NULL: that of why */
void results_hold(struct job *j, enum hold why, const char *detail);
/* reason: "operator", or why it was held and is no more */
void results_release(struct job *j, const char *reason);
void results_suppress(struct job *j, const struct suppression *s);
void results_expire(struct job *j);
void results_cancel(struct job *j, const char *reason);
void results_retry(struct job *j, const char *reason); /* due now */
/* It is with no worker, or no more, without a result from that: it is due at its time, or stopped
 * if an operator wanted that. */
void results_again(struct job *j);
/* The worker is gone: its results stay, nobody is told. */
void results_forget_worker(const struct worker *w);
/* False: the database failed; it is tried again. */
bool results_commit(void);
/* Changes were gathered since the last commit. */
bool results_waiting(void);
/* These, or notes of no weight: a commit has something to do. */
bool results_due(void);
/* The last commit failed: no new delivery. */
bool results_stuck(void);

/* admin.c: the command's questions */
void admin_init(void);

/* admin_change.c: its orders; each answers on its own */
struct chan;
void admin_change(struct chan *c, const struct ipc_change *m);
void admin_suppress(struct chan *c, const struct ipc_suppress *m);
void admin_import(struct chan *c, const struct ipc_import *m, int fd);
/* One DONE. */
void admin_done(struct chan *c, int code, const char *text);

/* flow.c: how far delivery is behind, told to acceptors (common/spool/pressure.h); the send counts
 * of servers, kept over a restart */
void flow_init(void);
void flow_save(void);
unsigned flow_level(void);

#endif
