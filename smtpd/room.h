/*
 * room.h - what queued tells acceptors by its page (common/spool/pressure.h): slow down a little,
 * and which mail servers have used up their room.  Without a fresh page neither counts.
 */
#ifndef SMTPD_ROOM_H
#define SMTPD_ROOM_H

#include "common/base.h"

/* How long a 250 is to be held back now; 0 in ordinary times. */
int64_t room_delay_ms(void);
/* Has that mail server as many bytes of unfinished messages as it may? */
bool room_used_up(uint64_t server);

#endif
