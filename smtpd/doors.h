/*
 * doors.h - the listening sockets: opened by the parent, accepted from by each worker, which lets
 * in as many as guard.h and its own descriptors allow and tells the others to come back.
 */
#ifndef SMTPD_DOORS_H
#define SMTPD_DOORS_H

#include "common/conf/conf.h"
#include "smtpd/session.h"

struct arrival {
	int fd; /* nonblocking; the taker's */
	enum session_kind kind;
	struct sockaddr_storage peer;
	uint32_t place; /* held until its socket is closed: see doors_left() */
};

/* Takes inherited sockets, or binds what the configuration says; in the parent, before workers
 * are made.  Dies when an address cannot be bound. */
void doors_open(const struct conf *conf);
/* In a worker: calls take for each who is let in. */
void doors_watch(void (*take)(const struct arrival *a));
/* Nobody is let in any more. */
void doors_close(void);
/* For stream_on_gone(); arg is the place, as a uintptr_t.  A session that has ended but whose last
 * words are still on their way holds it, too. */
void doors_left(void *arg);
/* Is more than GUARD_CROWDED percent of what this worker's descriptors allow in use? */
bool doors_crowded(void);

#endif
