/*
 * attempt.h - one attempt to deliver one copy: from DELIVER to RESULT.
 *
 *	resolve -> connect -> banner, EHLO, STARTTLS -> check and sign -> MAIL, RCPT, DATA -> dot
 *
 * attempt.c has the life and the way from address to address, conn.c drives the pure client over
 * the stream, prepare.c checks the message and gets it signed, report.c makes the RESULT.  An
 * attempt ends exactly once, through attempt_end(); its memory goes at the end of that loop turn,
 * so callbacks on the stack may still look at `over`.
 *
 * Until MAIL is sent the next address is tried after a temporary failure; then never: a second
 * transaction could be a second copy.  But a connection that was reused and turns out to be dead
 * before it answered anything has taken nothing: the same address is tried anew.  Nothing
 * unsigned goes out when there is a sign list, and nothing at all whose hash is not that of what
 * was accepted.
 */
#ifndef DELIVERD_ATTEMPT_H
#define DELIVERD_ATTEMPT_H

#include "common/loop.h"
#include "deliverd/ask.h"
#include "deliverd/conn.h"
#include "deliverd/content.h"
#include "deliverd/convo.h"
#include "deliverd/route.h"
#include "deliverd/sigcache.h"

enum { ATTEMPT_KEYS = 4, ATTEMPT_SIGNED_BY = 330 };

struct attempt;

/* What the worker lends to all its attempts. */
struct attempt_env {
	struct conf *conf; /* may change between two calls */
	SSL_CTX *tls;
	struct asker *resolver, *signer;
	/* r: the result, or NULL when it was given up.  The attempt is on its way out. */
	void (*ended)(struct attempt *a, const struct ipc_result *r);
};

struct attempt_question {
	struct ask ask;
	struct attempt *attempt;
	size_t number;
};

enum prepare_state { PREPARE_NOT, PREPARE_CHECKING, PREPARE_SIGNING, PREPARE_DONE };

struct attempt {
	struct attempt *prev, *next; /* the worker's ring */
	const struct attempt_env *env;
	bool over;

	/* from DELIVER */
	uint64_t copy;
	uint32_t number;
	int fd;
	bool valid; /* what queued sent can be used */
	bool eight_bit;
	bool utf8;		    /* the message needs SMTPUTF8 */
	struct addr sender, rcpt;   /* sender.n == 0: null */
	struct conf_hostport relay; /* the server's own; no host: none */
	struct buf prefix;
	size_t key_n;
	struct signkey key[ATTEMPT_KEYS];
	char key_text[ATTEMPT_KEYS][SIGNKEY_TEXT_SIZE];
	struct buf grant;

	/* where to */
	struct route route;
	struct attempt_question question[ROUTE_QUESTIONS];
	size_t asked;
	size_t hop; /* the one in use, or the next one */

	/* the connections, one after another */
	struct conn *conn;
	bool fresh;		     /* an idle one was dead: no other idle one */
	bool clear;		     /* TLS has failed with the hop in use and is not required */
	bool mail_begun;	     /* MAIL was sent: no other address any more */
	struct loop_timer *deadline; /* of the questions to DNS */
	struct outcome last;	     /* of the addresses so far */
	struct convo convo;

	/* the message */
	enum prepare_state prepare;
	struct content content;
	struct dkim_params dkim; /* of all its signatures */
	struct sigcache_key sig_key;
	bool signed_before; /* the fields are those of another copy, all in field[0] */
	struct buf field[ATTEMPT_KEYS];
	uint8_t field_hash[ATTEMPT_KEYS][DKIM_HASH_SIZE];
	struct span key_span[ATTEMPT_KEYS], hash_span[ATTEMPT_KEYS];
	struct ask sign;
	struct loop_timer *work; /* goes on with checking; or the signer's deadline */

	/* facts for the RESULT */
	struct wall started;
	struct mono mark; /* up to here the time is accounted for */
	const char *stage;
	char tls[CONN_TLS_SIZE], tls_note[CONN_NOTE_SIZE];
	char signed_by[ATTEMPT_SIGNED_BY + 1];
	bool corrupt;
	uint32_t dns_ms, connect_ms, tls_ms, sign_ms, mail_ms, data_ms;
};

/* Takes *fd (sets it to -1).  attempt_start() may end it at once. */
struct attempt *attempt_new(const struct attempt_env *env, const struct ipc_deliver *d, int *fd);
void attempt_start(struct attempt *a);
/* The final dot was sent: from now on the attempt must be waited for. */
bool attempt_after_dot(const struct attempt *a);
/* Ends it without a result; or with one that counts as no attempt.  Before the dot only. */
void attempt_give_up(struct attempt *a);
void attempt_return(struct attempt *a);

/* between the files of the attempt */
void attempt_end(struct attempt *a, const struct outcome *o);
void attempt_end_temp(struct attempt *a, const char *status, const char *text, const char *more);
void attempt_connect_failed(struct attempt *a, const char *why);
/* The transaction, or the session, has ended so. */
void attempt_conn_over(struct attempt *a, const struct outcome *o);
void attempt_note_tls(struct attempt *a, const char *tls, const char *note);

/* prepare.c: true when the message may be sent.  Else it goes on and calls conn_drive(), or has
 * ended the attempt. */
bool prepare(struct attempt *a);
void prepare_init(struct attempt *a, const struct ipc_deliver *d);
void prepare_done(struct attempt *a);

/* report.c */
/* Accounts the time since the last call to the stage until now, and notes the stage. */
void report_stage(struct attempt *a, const char *stage);
void report_make(struct attempt *a, const struct outcome *o, struct ipc_result *out);
/* A copy that was not attempted. */
void report_returned(uint64_t copy, uint32_t attempt, struct ipc_result *out);

#endif
