/*
 * supervise_conf.h - the files by which an instance and its supervisor are known: lock, pid,
 * configuration as written and as in force.  Names are relative to the instance's folder.
 */
#ifndef CTL_SUPERVISE_CONF_H
#define CTL_SUPERVISE_CONF_H

#include "ctl/supervise_sockets.h"

#define SUP_CONF_WRITTEN "posthaste.conf"
#define SUP_CONF_ACTIVE "run/active.conf"
#define SUP_PID_FILE "run/supervisor.pid"
#define SUP_LOCK_FILE "run/supervisor.lock"
#define SUP_LOG_FILE "log/posthaste.log"

/* Reads the written configuration, opens what it listens at, makes it the one in force, and puts
 * both in place of *conf (may be NULL) and *sockets.  On failure all is as before and error has
 * a sentence. */
int sup_conf_take(struct conf **conf, struct sup_sockets *sockets,
		  char error[CONF_ERROR_SIZE]) MUST_CHECK;

/* deliver.dot_timeout of the configuration in force: how long deliverd may take to stop. */
int64_t sup_dot_timeout_ms(void);

/* The supervisor's lock as a descriptor; -EWOULDBLOCK when it is held, *other is then the
 * holder's pid (0: not known); -errno. */
int sup_lock(pid_t *other) MUST_CHECK;
/* The pid of the running supervisor; 0: none runs, -errno: cannot know. */
pid_t sup_running(void);
int sup_pid_write(void) MUST_CHECK;

#endif
