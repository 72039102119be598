/*
 * sendmail_message.h - the message that `posthaste sendmail` gets on its standard input: line ends,
 * recipients from its header, addresses without a domain, a missing From.  Pure.
 *
 * Date, Message-ID and whatever else a submitted message needs is smtpd's affair.
 */
#ifndef CTL_SENDMAIL_MESSAGE_H
#define CTL_SENDMAIL_MESSAGE_H

#include "common/buf.h"
#include "common/mail/addr.h"

/* Adds the text with CRLF lines: LF and CRLF end one, a first line "From ..." (mbox) is dropped,
 * and with dot_ends a line of one dot ends the text.  False: there is a NUL. */
bool sendmail_lines(struct span in, bool dot_ends, struct buf *out) MUST_CHECK;

struct sendmail_facts {
	bool from_header;      /* -t: recipients come from To, Cc and Bcc */
	const char *mailname;  /* the domain of addresses that have none */
	const char *from_name; /* for a From that is made; "": none */
	struct addr sender;    /* likewise */
};

struct sendmail_rcpts {
	struct addr *list; /* mem_free() */
	size_t n, cap;
};
/* An address as people write it ("bob", "Bob <bob@example.org>"): qualified and added, once.  0 or
 * a negative enum addr_error. */
int sendmail_rcpt_add(struct sendmail_rcpts *r, struct span text, const char *mailname) MUST_CHECK;

/* Adds the message with its header in order.  msg: of sendmail_lines().  NULL, or what is wrong
 * with an address of the header (with -t), in a static buffer. */
const char *sendmail_message(struct span msg, const struct sendmail_facts *facts, struct buf *out,
			     struct sendmail_rcpts *rcpts);

#endif
