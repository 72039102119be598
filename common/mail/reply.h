/*
 * reply.h - the reader of an SMTP server's replies (RFC 5321 4.2, RFC 2034).
 *
 * A reply is the word of a stranger: a wrong code, separator, too many lines or bytes is a
 * protocol error, which sticks (the connection is to be dropped and the delivery deferred).  Text
 * is kept as bytes, controls and NULs included; whoever shows or stores it escapes it
 * (outcome_set does).  It can hold no LF but those which join its lines.
 */
#ifndef COMMON_MAIL_REPLY_H
#define COMMON_MAIL_REPLY_H

#include "common/limits.h"
#include "common/outcome.h"
#include "common/span.h"

enum { REPLY_SIZE_MAX = 65536 }; /* bytes of one reply on the wire, skipped ones included */

enum reply_status {
	REPLY_MORE, /* not yet a whole reply; all input was taken */
	REPLY_DONE, /* one whole reply */
	REPLY_ERROR /* protocol error; nothing is taken any more */
};

enum reply_error {
	REPLY_ERR_NONE,
	REPLY_ERR_CODE,	     /* no three digits, or not 200 to 599 */
	REPLY_ERR_SEPARATOR, /* neither " " nor "-" nor the line's end after the code */
	REPLY_ERR_MIXED,     /* lines of one reply with differing codes */
	REPLY_ERR_LINES,     /* more than LIMIT_REPLY_LINES */
	REPLY_ERR_SIZE	     /* more than REPLY_SIZE_MAX */
};

struct reply {
	uint16_t code;			  /* 200 to 599 */
	char status[OUTCOME_STATUS_SIZE]; /* "5.1.1": the first whose class fits the code, or "" */
	uint16_t lines;
	bool bare_lf; /* a line ended in LF without CR */
	bool cut;     /* text was left out: a line or the whole was too long */
	size_t text_n;
	/* What follows code and separator, lines joined by LF, status codes left in; text[text_n]
	 * is NUL, but NULs may come before it. */
	char text[LIMIT_REPLY_TEXT + 1];
};

/* Read reply and error; the rest is the reader's own. */
struct reply_reader {
	struct reply reply; /* whole after REPLY_DONE, until the next reply_feed */
	enum reply_error error;
	enum reply_status at;
	bool cr;	/* the last byte was a CR whose meaning is still open */
	bool last;	/* the separator of this line was not "-" */
	uint16_t code;	/* digits of this line's code so far */
	size_t pos;	/* bytes of this line so far, held CR excluded */
	size_t line_at; /* where this line's text begins in reply.text */
	size_t size;	/* bytes of this reply */
};

void reply_init(struct reply_reader *r);

/* Takes bytes up to the end of one reply at most, and says in *used_out how many: what follows
 * belongs to the next reply (or, before TLS, is an attack).  A call with in.n == 0 changes
 * nothing; any other call after REPLY_DONE begins the next reply. */
enum reply_status reply_feed(struct reply_reader *r, struct span in, size_t *used_out) MUST_CHECK;

/* True while nothing of a next reply has been taken. */
bool reply_idle(const struct reply_reader *r);

static inline struct span reply_text(const struct reply *r)
{
	return span_of(r->text, r->text_n);
}

/* The lines of the text, one by one; they may be empty, and a cut text has fewer than the reply.
 * For EHLO: the first is the greeting, the others "KEYWORD params".
 *
 *	struct reply_lines it = reply_lines(r);
 *	while (reply_line(&it, &line))
 */
struct reply_lines {
	struct span rest;
	bool ended;
};
struct reply_lines reply_lines(const struct reply *r);
bool reply_line(struct reply_lines *it, struct span *line_out);

/* A sentence without final dot, "" for REPLY_ERR_NONE. */
const char *reply_error(enum reply_error err);

#endif
