/*
 * suppression.h - what the commands `suppression ...` share.
 */
#ifndef CTL_SUPPRESSION_H
#define CTL_SUPPRESSION_H

#include "ctl/ctl.h"

/* The server of --server (NULL: the only one there is), or with all 0 for every server. */
int suppression_server(const char *name, bool all, char label[CONTROL_LABEL_SIZE],
		       uint64_t *out) MUST_CHECK;
/* --for or --until as wall milliseconds; 0: neither, for ever. */
int suppression_until(const char *for_text, const char *until_text, uint64_t *out) MUST_CHECK;
#endif
