/*
 * sink.h - the session of the receiving end: bytes in, replies and actions out (RFC 5321).
 *
 * Pure: no descriptor, no clock, no file.  The owner shows what has come with sink_feed() until
 * SINK_WAIT, sends s->out each time, and does what the action says:
 *
 *	SINK_WAIT	nothing to do before more bytes come; what was not used must be shown again
 *	SINK_GO		a command was served or bytes were skipped; feed on (even without bytes)
 *	SINK_OPEN	a message begins: make a file that starts with sink_head(); sink_answer()
 *	SINK_WRITE	s->piece is the next piece of it; sink_answer()
 *	SINK_KEEP	it is whole: give the file its name; sink_answer()
 *	SINK_DROP	it will not be kept, the reply is written: throw the file away
 *	SINK_START_TLS	send s->out, begin TLS, and call sink_secured() after the handshake
 *	SINK_CLOSE	send s->out and close
 *
 * One transaction at a time; every way that ends it goes through one function.  A message's bytes
 * come out exactly as received, dot-unstuffed, whatever they are: what a sender let through must
 * be seen.  Everything else is checked: syntax, order, sizes, numbers.
 */
#ifndef SINK_SINK_H
#define SINK_SINK_H

#include "common/clock.h"
#include "common/mail/addr.h"
#include "common/mail/dots.h"

enum {
	SINK_SIZE_MAX = 100 * 1024 * 1024, /* bytes of a message: SIZE of EHLO */
	SINK_SKIP_MAX = 16 * 1024 * 1024,  /* bytes skipped of a larger one before 421 */
	SINK_RCPTS_MAX = LIMIT_RCPTS,
	SINK_ERRORS_MAX = 20, /* refused commands before 421 */
	SINK_HELO_SIZE = LIMIT_DOMAIN + 1,
	SINK_TEXT_SIZE = 128, /* peer, TLS facts */
	SINK_OUT_MAX = 16384, /* replies between two calls of sink_feed() */
	SINK_HEAD_MAX = (SINK_RCPTS_MAX + 1) * (LIMIT_ADDR + 32) + 2048,
};

enum sink_action {
	SINK_WAIT,
	SINK_GO,
	SINK_OPEN,
	SINK_WRITE,
	SINK_KEEP,
	SINK_DROP,
	SINK_START_TLS,
	SINK_CLOSE,
};

enum sink_at { SINK_AT_COMMAND, SINK_AT_DATA, SINK_AT_END };

struct sink {
	struct buf out;	   /* replies; the owner sends and resets it */
	struct span piece; /* with SINK_WRITE; points into what was fed */
	uint64_t size_max; /* SINK_SIZE_MAX; tests make it smaller */

	/* read only for the owner */
	enum sink_at at;
	enum sink_action pending;  /* an action that sink_answer() must answer */
	const char *name;	   /* our host name; the caller's */
	char peer[SINK_TEXT_SIZE]; /* IP address */
	char tls[SINK_TEXT_SIZE];  /* "TLSv1.3 TLS_AES_256_GCM_SHA384"; "": in clear */
	char helo[SINK_HELO_SIZE]; /* "": not yet greeted */
	bool esmtp;
	unsigned errors;
	size_t skipped; /* bytes of a command line that is too long */

	/* the transaction */
	bool mail;
	bool utf8; /* SMTPUTF8 was given */
	struct addr sender;
	struct addr *rcpts;
	size_t rcpt_count, rcpt_cap;
	struct dots dots;
	int failure; /* -errno for which the message will not be kept; -EFBIG: too large */
};

/* Begins with the greeting in s->out.  name lives as long as s. */
void sink_init(struct sink *s, const char *name, const char *peer);
void sink_done(struct sink *s);

/* Returns how many bytes of in were used: at most one command, or one piece of a message. */
size_t sink_feed(struct sink *s, struct span in, enum sink_action *action) MUST_CHECK;
/* How SINK_OPEN, SINK_WRITE or SINK_KEEP went: 0 or -errno; name: what SINK_KEEP was kept as. */
void sink_answer(struct sink *s, int err, const char *name);
/* TLS stands: what was said before is forgotten (RFC 3207 4.2). */
void sink_secured(struct sink *s, const char *tls);

/* The fields that final delivery puts on top (RFC 5321 4.4): Return-Path, a Delivered-To for each
 * recipient, Received. */
void sink_head(const struct sink *s, struct wall now, struct buf *out);

#endif
