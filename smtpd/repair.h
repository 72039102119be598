/*
 * repair.h - what is changed in the header section of a submitted message (RFC 6409 8), and what
 * is read from it; pure.
 *
 *	removed	Bcc, Resent-Bcc, Return-Path, Content-Length, and the option fields (options.h)
 *	added	Date and Message-ID where there is none, at the end of the section
 *
 * Not a byte of anything else changes.  Fields are what header_next() takes for one; a section
 * that ends before a line that can be no field gets what is added before that line, and is refused
 * where one of those that are removed stands behind it.
 */
#ifndef SMTPD_REPAIR_H
#define SMTPD_REPAIR_H

#include "common/mail/addr.h"
#include "common/mail/options.h"
#include "common/mail/qid.h"
#include "common/mail/token.h"

enum { REPAIR_REPLY_SIZE = 256 };

struct repair_facts {
	const struct qid *id;
	const struct domain *domain; /* verified, of the From field: names a new Message-ID */
	struct wall now;
};

struct repair {
	struct buf header;		 /* the new header section */
	struct options options;		 /* owned */
	char refusal[REPAIR_REPLY_SIZE]; /* "", or a reply line; then nothing else counts */
};

/* Is the message on its way round: LIMIT_HOPS Received fields, or the mark that each copy gets
 * when it is sent?  A reply line, or NULL.  key: the subkey for TOKEN_COMPLAINT; a mark that it
 * did not make means nothing. */
const char *repair_loop(struct span header, const uint8_t key[TOKEN_KEY_SIZE]);
/* header: all up to and including the empty line, or the whole message if it has none.
 * repair_done() is due afterwards, also after a refusal. */
void repair_header(struct span header, const struct repair_facts *facts, struct repair *out);
void repair_done(struct repair *r);

#endif
