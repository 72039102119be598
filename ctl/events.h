/*
 * events.h - following what happens, for events -f and trace -f.
 */
#ifndef CTL_EVENTS_H
#define CTL_EVENTS_H

#include "ctl/ctl.h"
#include "ctl/mailview.h"

/* From now on SIGINT and SIGTERM end the following, not the process. */
void events_follow_begin(void);
/* Waits a moment; false: it is to end, or nobody reads any more. */
bool events_follow_pause(void);

#endif
