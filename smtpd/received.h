/*
 * received.h - our Received field (RFC 5321 4.4), pure.
 *
 * No "for": recipients are not shown to each other.  Time is UTC.
 */
#ifndef SMTPD_RECEIVED_H
#define SMTPD_RECEIVED_H

#include "common/buf.h"
#include "common/clock.h"

enum { RECEIVED_MAX = 1024 };

struct received {
	const char *helo;     /* as said, or "" */
	const char *client;   /* its address, without brackets */
	const char *hostname; /* ours */
	const char *tls;      /* version and cipher; "": clear text */
	const char *id;	      /* queue id */
	struct wall at;
	bool esmtp;	    /* EHLO rather than HELO */
	bool authenticated; /* by AUTH */
	bool utf8;	    /* SMTPUTF8 was asked for */
	bool privacy;	    /* nothing about the client: no name, no address, no cipher */
};

/* Adds the field with its final CRLF; at most RECEIVED_MAX bytes. */
void received_add(const struct received *r, struct buf *out);

#endif
