/*
 * sandbox_defaults.h - what a sandbox has in control.db from its first start on: organisation,
 * server, verified domain, SMTP credential; and DIR/env, which tells of them.
 *
 * Everything that opens control.db runs in a child, as root as the user ph-httpd.  All return 0,
 * or an exit code after having said why.
 */
#ifndef CTL_SANDBOX_DEFAULTS_H
#define CTL_SANDBOX_DEFAULTS_H

#include "ctl/ctl.h"

#define SANDBOX_ENV "env"

/* control.db exists: smtpd and queued only read it. */
int sandbox_database(void) MUST_CHECK;
/* The defaults exist and DIR/env has their password: the one it had, if that is still good.
 * The daemons run; abs is the absolute name of the working directory. */
int sandbox_defaults(const char *abs, const struct ctl_options *o) MUST_CHECK;

#endif
