/*
 * queue.h - what the commands `queue ...` share.
 */
#ifndef CTL_QUEUE_H
#define CTL_QUEUE_H

#include "ctl/ctl.h"
#include "ctl/queueview.h"

/* The options that choose copies. */
struct queue_choice {
	const char *domain, *rcpt, *server, *state, *tag, *older;
};
#define QUEUE_FILTER_OPTIONS(c)                                                             \
	{"--domain", CTL_VALUE, &(c)->domain}, {"--rcpt", CTL_VALUE, &(c)->rcpt},           \
		{"--server", CTL_VALUE, &(c)->server}, {"--state", CTL_VALUE, &(c)->state}, \
		{"--tag", CTL_VALUE, &(c)->tag},                                            \
	{                                                                                   \
		"--older-than", CTL_VALUE, &(c)->older                                      \
	}
#define QUEUE_FILTER_SYNOPSIS                                                                   \
	"[--domain D] [--rcpt ADDR] [--server ORG/SERVER] [--state S] [--tag T] [--older-than " \
	"TIME]"

/* What the options say; its texts point into theirs. */
int queue_filter(const struct queue_choice *c, struct queue_filter *out) MUST_CHECK;
bool queue_choice_given(const struct queue_choice *c);
/* What queued knows of the instance (server 0) or of a server, as a JSON object; NULL: the
 * reason was said (but see ctl_ask() for o NULL), and the exit code is in *code_out. */
json_t *queue_usage(const struct ctl_options *o, uint64_t server, int *code_out);

#endif
