/*
 * intake.h - one message on its way into the spool: the only file of smtpd that touches it.
 *
 * The header section is gathered first (what signs depends on it, and it is repaired), then
 * everything streams into the file.  intake_finish() ends in exactly one call of answered(): after
 * the flush with 250, or with what went wrong, and then nothing of the message is left.  Whether
 * there is room for it is looked at as it begins, after each megabyte and as it ends.
 */
#ifndef SMTPD_INTAKE_H
#define SMTPD_INTAKE_H

#include "common/conf/conf.h"
#include "smtpd/policy.h"

struct intake;

struct intake_facts {
	const struct session *session; /* for the time of intake_new */
	const char *client_ip;
	const char *tls;
	struct submitter_facts submitter;
};

/* In the parent: what its workers share. */
void intake_share(void);
/* After fork, in each worker; dies when the key of our loop mark cannot be read. */
void intake_init(const struct conf *conf);
/* conf is in force from now on, and lives until the next call. */
void intake_configure(const struct conf *conf);
/* Says what is wrong (a reply line), or NULL: a message may come, and there is room for it. */
const char *intake_refusal(const struct submitter_facts *submitter);
struct intake *intake_new(const struct intake_facts *facts,
			  void (*answered)(void *arg, const char *reply), void *arg);
const char *intake_id(const struct intake *in); /* the queue id it has, or would have had */
void intake_content(struct intake *in, struct span piece);
/* lines: what was seen of the message. */
void intake_finish(struct intake *in, const struct dots *lines);
/* Throws the message away; before intake_finish only. */
void intake_abort(struct intake **in);
/* Nobody wants the answer any more; what is being flushed stays accepted. */
void intake_forget(struct intake *in);

#endif
