/*
 * supervise_status.h - the door SUPERVISE: which daemons there are, as "name pid ready".
 */
#ifndef CTL_SUPERVISE_STATUS_H
#define CTL_SUPERVISE_STATUS_H

#include "ctl/supervise_daemon.h"

/* Answers from daemons[ROLE_COUNT], which must stay; -errno. */
int sup_status_listen(const struct daemon *daemons) MUST_CHECK;
void sup_status_done(void);

struct sup_status {
	char name[32];
	pid_t pid; /* 0: not there at the moment */
	bool ready;
};
/* Asks the supervisor of the working directory's instance.  The number of daemons, at most max;
 * -errno. */
int sup_status_ask(struct sup_status *out, size_t max) MUST_CHECK;

#endif
