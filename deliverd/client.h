/*
 * client.h - the SMTP client as a pure machine (RFC 5321, 1870, 2920, 3207, 4954, 6152, 6531).
 *
 *	greeting, EHLO (HELO after 5xx), STARTTLS and EHLO anew, AUTH		-> CLIENT_READY
 *	client_mail(): MAIL FROM, RCPT TO, DATA; in one go with PIPELINING	-> CLIENT_CONTENT
 *	the driver sends the content and the dot, client_dot_sent(); its reply	-> CLIENT_DONE
 *	client_mail() again, with RSET ahead where the last one was refused; or client_quit()
 *
 * CLIENT_CLOSE is the end of the session, at whatever point it comes.
 *
 * Bytes and events go in; bytes come out in `out`, which the driver sends and empties after every
 * call, and `want` says what the machine needs next.  It has no descriptor, no clock and no log.
 * Each reply belongs to exactly one command: a byte that comes while no reply is expected, or
 * before the command was taken from `out`, is a protocol error and never an answer.
 *
 * One recipient a transaction.  PERM only when the server refused MAIL, RCPT, DATA or the message
 * by 5xx, and when a server lacks what the message needs (code 0): 8BITMIME (5.6.3) for 8-bit
 * bytes, SMTPUTF8 (5.6.7) for UTF-8 in an address or in the header.  All else that goes wrong is
 * TEMP; an early 5xx (greeting, EHLO, AUTH) too, as another host may take the mail.
 */
#ifndef DELIVERD_CLIENT_H
#define DELIVERD_CLIENT_H

#include "common/buf.h"
#include "common/mail/reply.h"
#include "common/outcome.h"

enum client_want {
	CLIENT_READ,	  /* more input */
	CLIENT_START_TLS, /* do the handshake, then client_secured() or client_tls_failed() */
	CLIENT_READY,	  /* the session stands: client_mail() or client_quit() */
	CLIENT_CONTENT,	  /* send the stuffed content and the dot, then client_dot_sent() */
	CLIENT_DONE,	  /* outcome is set and the session still stands: as CLIENT_READY */
	CLIENT_CLOSE,	  /* the end: outcome is set; send out, close, wait for nothing */
};

/* Which deadline applies to what the machine waits for (RFC 5321 4.5.3.2). */
enum client_deadline { CLIENT_REPLY_TIME, CLIENT_DATA_TIME, CLIENT_BLOCK_TIME, CLIENT_DOT_TIME };

enum client_tls {
	CLIENT_TLS_NONE, /* not even when it is offered */
	CLIENT_TLS_MAY,
	CLIENT_TLS_MUST,
};

enum client_ext {
	CLIENT_PIPELINING = 1,
	CLIENT_SIZE = 2,
	CLIENT_8BITMIME = 4,
	CLIENT_STARTTLS = 8,
	CLIENT_SMTPUTF8 = 16,
	CLIENT_AUTH_PLAIN = 32,
	CLIENT_AUTH_LOGIN = 64,
};

enum { CLIENT_EXPECT_MAX = 5, CLIENT_OUT_MAX = 8192, CLIENT_LOGIN_MAX = 255 };

/* Spans live as long as the client. */
struct client_setup {
	struct span helo;
	enum client_tls tls;
	struct span user, password; /* for AUTH, each at most CLIENT_LOGIN_MAX; empty user: none */
};

/* Spans live as long as the client. */
struct client_mail {
	struct span sender; /* empty: null sender */
	struct span rcpt;
	uint64_t size; /* for SIZE= */
	bool eight_bit;
	bool utf8; /* came with SMTPUTF8; a UTF-8 address counts the same */
};

struct client {
	enum client_want want;
	struct buf out;
	struct outcome outcome; /* once decided */
	const char *stage;	/* where it stands or ended: a name of ipc.def's RESULT.stage */
	bool decided;
	bool dot_sent;	    /* the server may have the message from here on */
	bool uncertain;	    /* ended after the dot without a usable reply to it */
	bool reset_refused; /* no further transaction: nothing of this one was taken */
	bool secret;	    /* out has a password in it */
	unsigned replies;   /* whole replies so far: each begins a new deadline */
	/* the machine's own */
	struct client_setup setup;
	struct client_mail mail;
	unsigned ext;
	bool secured, authenticated;
	bool stands; /* a transaction was begun: refusals end it, not the session */
	bool reset;  /* RSET must go ahead of the next MAIL */
	bool early;  /* a reply that nothing asked for is being read, to be quoted */
	uint8_t expect[CLIENT_EXPECT_MAX];
	size_t expect_n;
	struct reply_reader reader;
};

/* It waits for the greeting. */
void client_init(struct client *c, const struct client_setup *setup);
void client_done(struct client *c);

/* Takes all of in. */
void client_input(struct client *c, struct span in);
/* The handshake that CLIENT_START_TLS asked for is done; or it failed. */
void client_secured(struct client *c);
void client_tls_failed(struct client *c, const char *why);
/* Instead of client_secured(): the certificate is not one that was demanded. */
void client_not_trusted(struct client *c, const char *why);
/* At CLIENT_DONE: what comes from now on belongs to the next transaction, before its MAIL, too. */
void client_next(struct client *c);
/* At CLIENT_READY or CLIENT_DONE: begins a transaction, of which outcome and the facts beside it
 * are from now on; or ends the session. */
void client_mail(struct client *c, const struct client_mail *mail);
void client_quit(struct client *c);
/* Content and final dot have been handed to the network. */
void client_dot_sent(struct client *c);
/* The connection ended, or the deadline passed.  Nothing happens if the end was decided. */
void client_lost(struct client *c, const char *why);
void client_timeout(struct client *c);

enum client_deadline client_deadline(const struct client *c);

#endif
