/*
 * mailview.h - reading mail/mail.db, queued's database, as JSON objects of the command's contract.
 *
 * Every function is one short read transaction at most: nothing stays open while we print or wait
 * (a long reader lets queued's WAL grow).  Functions that return int give 0 or an exit code after
 * having said why.
 */
#ifndef CTL_MAILVIEW_H
#define CTL_MAILVIEW_H

#include <jansson.h>

#include "common/mail/qid.h"

enum { MAILVIEW_PAGE = 100 };

struct mailview;

/* NULL, the reason said, and the exit code. */
struct mailview *mailview_open(int *code_out);
/* The same without a word: NULL and a sentence. */
struct mailview *mailview_try(char *error, size_t error_size);
void mailview_close(struct mailview **v);

/* What a queue id, copy id or token names. */
struct mailview_ref {
	uint64_t n; /* the message's number in mail.db */
	char id[QID_TEXT_SIZE];
	uint64_t copy; /* 0: the whole message */
};
int mailview_find(struct mailview *v, const char *text, struct mailview_ref *out) MUST_CHECK;

/* The message with its copies:
 *	{"id", "from", "rcpt": [...], "direction", "size", "received", "server", "copies":
 *	[{"id", "recipient", "state", "token", "return_path", "attempts", "next_at", "last"}]} */
int mailview_message(struct mailview *v, const char *id, json_t **out) MUST_CHECK;
/* Ids of at most max messages after one ("": from the first): *n_out of them. */
int mailview_page(struct mailview *v, const char *after, size_t max, struct qid ids[MAILVIEW_PAGE],
		  size_t *n_out) MUST_CHECK;
/* The events of a message in the order of seq, as an array of objects {"seq", "at", "event",
 * "message", "copy", "rcpt", the event's own fields ...}; smtp: those of an attempt with "smtp",
 * an array of the lines of its conversation, where that is kept. */
int mailview_events(struct mailview *v, const struct mailview_ref *ref, bool smtp,
		    json_t **out) MUST_CHECK;
/* How many of what ref names (the message's copies, or the one copy) are not final yet. */
int mailview_open_copies(struct mailview *v, const struct mailview_ref *ref,
			 uint64_t *out) MUST_CHECK;

/* For the files that read with statements of their own: run them, then repeat all as long as
 * mailview_again() says so (queued was repairing its WAL), then end with mailview_end(). */
struct db *mailview_db(struct mailview *v);
bool mailview_again(struct mailview *v);
int mailview_end(struct mailview *v, int code) MUST_CHECK;

#endif
