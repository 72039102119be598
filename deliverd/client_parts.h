/*
 * client_parts.h - what the SMTP client reads from replies and says in AUTH; local to client.c.
 */
#ifndef DELIVERD_CLIENT_PARTS_H
#define DELIVERD_CLIENT_PARTS_H

#include "deliverd/client.h"

/* enum client_ext of a positive reply to EHLO (RFC 5321 4.1.1.1). */
unsigned client_extensions(const struct reply *r);
/* s in base64, with CRLF.  At most 2 * CLIENT_LOGIN_MAX + 2 bytes. */
void client_base64(struct span s, struct buf *out);
/* The whole command (RFC 4616, 4954 4). */
void client_auth_plain(struct span user, struct span password, struct buf *out);

/* The server's enhanced status code, or the class alone; its class is that of our own verdict. */
void client_status(const struct reply *r, enum outcome_kind kind, char out[OUTCOME_STATUS_SIZE]);

#endif
