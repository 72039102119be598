/*
 * sandbox_launch.h - starting a supervisor in the background and telling what came of it.
 */
#ifndef CTL_SANDBOX_LAUNCH_H
#define CTL_SANDBOX_LAUNCH_H

#include "common/base.h"

/* Starts `posthaste supervise` for the working directory (absolute name abs), with its log, and
 * waits until every daemon is ready.  0 and its pid; or an exit code after having said what is
 * not ready and shown the end of the log, and everything that was started is down again. */
int sandbox_launch(const char *abs, pid_t *pid_out) MUST_CHECK;
/* Lets the running supervisor read the configuration again, and waits until it has. */
int sandbox_reload(const char *abs, pid_t pid) MUST_CHECK;
/* Does the configuration as written differ from the one in force? */
bool sandbox_conf_differs(void);

#endif
