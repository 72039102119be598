/*
 * sandbox.h - an instance in a folder of its own, for development and tests.
 *
 * For the table of commands (all CTL_OUTSIDE; argv as ctl.h says):
 *
 *	"sandbox start"   "DIR [--relay HOST:PORT] [--mx DOMAIN=HOST:PORT ...]"
 *	"sandbox stop"    "DIR"
 *	"sandbox status"  "DIR"
 *	"sandbox send"    "DIR [--to ADDR]"
 *	"sink"            "[ARGUMENT ...]": takes all arguments, options too, as they are
 *
 * DIR may be missing where -C DIR was given.
 */
#ifndef CTL_SANDBOX_H
#define CTL_SANDBOX_H

struct ctl_options;

int cmd_sandbox_start(int argc, char **argv, const struct ctl_options *o);
int cmd_sandbox_stop(int argc, char **argv, const struct ctl_options *o);
int cmd_sandbox_status(int argc, char **argv, const struct ctl_options *o);
int cmd_sandbox_send(int argc, char **argv, const struct ctl_options *o);
int cmd_sink(int argc, char **argv, const struct ctl_options *o);

#endif
