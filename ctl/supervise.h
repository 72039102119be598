/*
 * supervise.h - `posthaste supervise DIR`: the foreground process that keeps an instance's
 * daemons running.
 *
 * argv[0] is "supervise", argv[1] the instance's folder.  The exit code is returned.
 */
#ifndef CTL_SUPERVISE_H
#define CTL_SUPERVISE_H

struct ctl_options;

int cmd_supervise(int argc, char **argv, const struct ctl_options *o);

#endif
