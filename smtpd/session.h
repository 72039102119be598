/*
 * session.h - the SMTP server's side of one connection as a pure machine (RFC 5321, 4954, 3207,
 * 1870, 2920, 2034, 3030 CHUNKING, 6531).
 *
 * Bytes come in by session_input(); replies gather in out; what needs the world goes through
 * session_ops, called in the order of the client's commands.  No descriptor, clock, log or
 * database in here.  While `wait` is not WAIT_NONE no input is taken: the driver does what it
 * says and calls the matching session_ function.  Nor is any taken while SESSION_OUT_PAUSE bytes
 * wait in out: who sends commands and reads no replies costs no more memory than that.
 */
#ifndef SMTPD_SESSION_H
#define SMTPD_SESSION_H

#include "common/mail/addr.h"
#include "common/mail/dots.h"

enum session_kind {
	SESSION_MX,	     /* from other servers; AUTH only with mx_auth */
	SESSION_SUBMISSION,  /* AUTH after STARTTLS */
	SESSION_SUBMISSIONS, /* TLS from the first byte */
};

struct session_conf {
	const char *hostname;
	uint64_t message_size;
	uint32_t recipients;
	uint32_t auth_failures;
	uint32_t errors;
	bool cram;	 /* offer CRAM-MD5 */
	bool auth_clear; /* AUTH and MAIL are taken without TLS, too, at SESSION_SUBMISSION */
	bool mx_auth;	 /* AUTH is taken at SESSION_MX, after STARTTLS */
};

enum session_wait {
	WAIT_NONE,
	WAIT_TLS,    /* send out, then TLS; then session_secured() */
	WAIT_COMMIT, /* the message is being made durable; then session_reply() */
	WAIT_AUTH,   /* ops->auth said AUTH_LATER; then session_auth_answer() */
	WAIT_CLOSE,  /* send out, then close */
};

enum auth_result {
	AUTH_OK,
	AUTH_WRONG,
	AUTH_UNAVAILABLE,
	AUTH_THROTTLED, /* too many have failed: this one was not looked at */
	AUTH_LATER,	/* the answer comes by session_auth_answer() */
};

struct session;

/* 20 hex digits, a dot, a time, NUL */
enum { SESSION_UNIQUE_SIZE = 48 };

struct session_ops {
	/* Is it a credential?  label_out: "org/server", filled before AUTH_OK is the answer, at
	 * once or later. */
	enum auth_result (*auth)(void *arg, struct span user, struct span secret, char *label_out,
				 size_t label_size);
	/* CRAM-MD5 (RFC 2195): is digest the HMAC-MD5 of the challenge by a secret of this user? */
	enum auth_result (*cram)(void *arg, struct span user, struct span challenge,
				 const uint8_t digest[16], char *label_out, size_t label_size);
	/* Text that nobody can foresee and that never comes twice, without blanks or brackets. */
	void (*unique)(void *arg, char out[SESSION_UNIQUE_SIZE]);
	/* SMTP-IP: may this client's address submit without AUTH?  As whom: label_out. */
	enum auth_result (*network)(void *arg, char *label_out, size_t label_size);
	/* DATA or the first BDAT: true, or false with a whole reply line in refusal (without
	 * CRLF). */
	bool (*begin)(void *arg, const struct session *s, char *refusal, size_t size);
	/* Bytes of the message, in order. */
	void (*content)(void *arg, struct span piece);
	/* The end was seen.  refusal: NULL, or a reply of the session's own with which the message
	 * must be thrown away.  Else the driver answers by session_reply(), now or later. */
	void (*finish)(void *arg, const struct session *s, const char *refusal);
	/* The transaction ended with a message begun (RSET, EHLO, connection lost), or a chunk of
	 * it was refused. */
	void (*discard)(void *arg);
};

enum session_state { STATE_COMMAND, STATE_AUTH, STATE_DATA };

enum chunks_state {
	CHUNKS_NONE,
	CHUNKS_OPEN,   /* BDAT was taken; another or LAST may follow */
	CHUNKS_FAILED, /* one was refused: nothing more of this transaction is taken */
};

enum { SESSION_HELO_MAX = 255, SESSION_LABEL_SIZE = 140, SESSION_REFUSAL_SIZE = 256 };
/* the second has room for the replies to one more command */
enum { SESSION_OUT_PAUSE = 8 * 1024, SESSION_OUT_MAX = 16 * 1024 };

/* After so many commands that only cost us, without an accepted message, each is an error. */
enum { SESSION_JUNK_MAX = 100 };

/* Everything that one mail transaction knows; session_reset() is its only end. */
struct transaction {
	bool has_sender;
	bool utf8;    /* SMTPUTF8 was given with MAIL */
	bool submits; /* an outgoing message of the session's submitter */
	struct addr sender;
	struct addr *rcpts;
	size_t rcpt_count, rcpt_cap;
	bool refused_rcpts; /* at least one was refused */
	bool data;	    /* begin() was called; neither finish() nor discard() was */
	enum chunks_state chunks;
};

/* The chunk whose octets are coming, in STATE_DATA. */
struct chunk {
	bool on;
	bool last;
	uint64_t size, left;
	char refusal[SESSION_REFUSAL_SIZE]; /* "": taken; else said when they have been read */
};

struct session {
	struct session_conf conf;
	enum session_kind kind;
	const struct session_ops *ops;
	void *arg;
	struct buf out;
	enum session_wait wait;
	enum session_state state;
	bool tls;
	bool esmtp;			 /* EHLO rather than HELO */
	char helo[SESSION_HELO_MAX + 1]; /* "": not said */
	bool authenticated;
	bool network_asked;
	bool submits; /* authenticated, or by SMTP-IP */
	char label[SESSION_LABEL_SIZE];
	unsigned auth_failures, auth_throttled, errors;
	unsigned junk; /* commands since the last accepted message that bring none nearer */
	size_t skipped; /* bytes of a command line that is too long */
	bool skipping;
	bool skipped_bdat; /* it began like BDAT */
	struct transaction tx;
	struct dots dots;
	struct chunk chunk;
	/* AUTH in progress */
	int auth_step;
	char auth_user[512];
	size_t auth_user_n;
	char auth_challenge[SESSION_HELO_MAX + SESSION_UNIQUE_SIZE + 4];
};

/* conf.hostname must live as long as the session. */
void session_init(struct session *s, enum session_kind kind, const struct session_conf *conf,
		  const struct session_ops *ops, void *arg);
void session_done(struct session *s); /* calls discard() when a message was begun */
/* The greeting; for SESSION_SUBMISSIONS after session_secured(). */
void session_greet(struct session *s);
/* Takes what it can and returns how much that was.  What is left is shown again with more, or when
 * out has been emptied. */
size_t session_input(struct session *s, struct span in);
/* TLS is there: everything said before is forgotten (RFC 3207 4.2). */
void session_secured(struct session *s);
/* The answer to a message: a reply line without CRLF. */
void session_reply(struct session *s, const char *line);
/* The answer to an AUTH that waits in WAIT_AUTH; any but AUTH_LATER. */
void session_auth_answer(struct session *s, enum auth_result r);
/* 421 and close, for the driver: time-out, stopping. */
void session_end(struct session *s, const char *line);

/* A message is under way: its end should be waited for. */
static inline bool session_in_message(const struct session *s)
{
	return s->state == STATE_DATA || s->tx.data;
}

/* for verbs.c, bdat.c and auth.c */
void session_say(struct session *s, const char *fmt, ...) PRINTF(2, 3);
/* An error of the client; too many end the session. */
void session_error(struct session *s);
/* Says it, and a 5xx counts as an error of the client. */
void session_refuse(struct session *s, const char *fmt, ...) PRINTF(2, 3);
void session_reset(struct session *s);
/* Can this session submit?  Asks for an SMTP-IP credential where that is not known yet.
 * AUTH_WRONG: no, or not without AUTH. */
enum auth_result session_submits(struct session *s);
/* begin(); refusal has SESSION_REFUSAL_SIZE bytes. */
bool session_begin(struct session *s, char *refusal);
/* The reply to what is larger than the limit.  Good until the next call. */
const char *session_too_large(const struct session *s);
/* Reads octets of the content; past the limit they are kept no more.  Returns those taken. */
size_t session_content(struct session *s, struct span in);
/* The end of the content was read. */
void session_finish(struct session *s);

/* verbs.c: one command line without CRLF. */
void session_command(struct session *s, struct span line);
/* The reply that refuses a message before its content, NULL: none does. */
const char *session_why_no_data(const struct session *s);
/* bdat.c */
void session_bdat(struct session *s, struct span args);
size_t session_chunk(struct session *s, struct span in); /* octets of a chunk, those taken */
/* auth.c */
bool session_may_auth(const struct session *s);
void session_auth(struct session *s, struct span args);
void session_auth_line(struct session *s, struct span line);
void session_auth_stop(struct session *s); /* back to commands; nothing of the exchange is kept */

#endif
