/*
 * mailview.c - mail.db to JSON.
 */
#include "ctl/mailview.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/db/db.h"
#include "common/ipc/event.h"
#include "common/mail/state.h"
#include "common/mail/token.h"
#include "mail_sql.h"

#include "ctl/ctl.h"
#include "ctl/output.h"

enum { SCHEMA_VERSION = 3, TRIES_MAX = 8, PAUSE_NS = 5000000 };
enum { READONLY_RECOVERY = 264 };
static const uint64_t copy_max = (UINT64_C(1) << 53) - 1;
static const char path[] = "mail/mail.db";

struct mailview {
	struct db *d;
	unsigned tries;
};

static void pause_briefly(void)
{
	nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

struct mailview *mailview_try(char *error, size_t error_size)
{
	struct mailview *v;
	struct db *d = NULL;

	for (int i = 0; !d && i < TRIES_MAX; i++) {
		if (i > 0)
			pause_briefly();
		d = db_open(path, DB_READ, mail_sql, MAIL_SQL_COUNT, MAIL_SQL_SCHEMA,
			    SCHEMA_VERSION, error, error_size);
	}
	if (!d)
		return NULL;
	v = mem_alloc(sizeof(*v));
	v->d = d;
	return v;
}

struct mailview *mailview_open(int *code_out)
{
	char error[512] = "";
	struct mailview *v;

	if (access(path, F_OK) < 0) {
		*code_out = ctl_fail(EX_UNAVAILABLE,
				     "%s: %s; queued makes it when it runs: start "
				     "the instance",
				     path, strerror(errno));
		return NULL;
	}
	v = mailview_try(error, sizeof(error));
	if (!v)
		*code_out = ctl_fail(EX_IOERR, "%s; are you the instance's user or root?", error);
	return v;
}

void mailview_close(struct mailview **v)
{
	if (!*v)
		return;
	db_close(&(*v)->d);
	mem_free(*v);
	*v = NULL;
}

struct db *mailview_db(struct mailview *v)
{
	return v->d;
}

/* After a read: true if it is worth to be repeated (SQLITE_READONLY_RECOVERY: queued will have
 * repaired its WAL in a moment). */
bool mailview_again(struct mailview *v)
{
	if (db_error(v->d) != READONLY_RECOVERY || v->tries == TRIES_MAX) {
		v->tries = 0;
		return false;
	}
	v->tries++;
	db_rollback(v->d);
	pause_briefly();
	return true;
}

int mailview_end(struct mailview *v, int code)
{
	if (!db_error(v->d))
		return code;
	code = ctl_fail(EX_IOERR, "%s: %s", path, db_error_text(v->d));
	db_rollback(v->d);
	return code;
}

static void text_column(struct mailview *v, size_t stmt, int column, char *out, size_t size)
{
	struct span s = span_head(db_get_text(v->d, stmt, column), size - 1);

	if (s.n)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
}

static json_t *json_column(struct mailview *v, size_t stmt, int column)
{
	return out_string(db_get_text(v->d, stmt, column));
}

/* finding */

static bool by_queue_id(struct mailview *v, struct span id, struct mailview_ref *out)
{
	do {
		db_text(v->d, MAIL_SQL_MESSAGE_BY_ID, id);
		if (db_step(v->d, MAIL_SQL_MESSAGE_BY_ID)) {
			*out = (struct mailview_ref){
				.n = db_get_u64(v->d, MAIL_SQL_MESSAGE_BY_ID, 0)};
			memcpy(out->id, id.p, QID_TEXT);
			db_reset(v->d, MAIL_SQL_MESSAGE_BY_ID);
			return true;
		}
	} while (mailview_again(v));
	return false;
}

static bool by_copy_id(struct mailview *v, uint64_t copy, struct mailview_ref *out)
{
	do {
		db_u64(v->d, MAIL_SQL_MESSAGE_OF_COPY, copy);
		if (db_step(v->d, MAIL_SQL_MESSAGE_OF_COPY)) {
			*out = (struct mailview_ref){
				.n = db_get_u64(v->d, MAIL_SQL_MESSAGE_OF_COPY, 0), .copy = copy};
			text_column(v, MAIL_SQL_MESSAGE_OF_COPY, 1, out->id, sizeof(out->id));
			db_reset(v->d, MAIL_SQL_MESSAGE_OF_COPY);
			return true;
		}
	} while (mailview_again(v));
	return false;
}

/* Is that the token that the copy was given?  (We hold no key to check it with.) */
static bool token_is_of(struct mailview *v, struct span token, const struct mailview_ref *ref)
{
	bool is = false;

	do {
		db_u64(v->d, MAIL_SQL_COPIES_OF_MESSAGE, ref->n);
		while (db_step(v->d, MAIL_SQL_COPIES_OF_MESSAGE))
			if (db_get_u64(v->d, MAIL_SQL_COPIES_OF_MESSAGE, 0) == ref->copy)
				is = span_ieq(token,
					      db_get_text(v->d, MAIL_SQL_COPIES_OF_MESSAGE, 5));
	} while (mailview_again(v));
	return is;
}

static bool find(struct mailview *v, struct span text, struct mailview_ref *out, bool *form)
{
	struct token token;
	struct qid id;
	uint64_t copy;

	*form = true;
	if (text.n == QID_TEXT) {
		char lower[QID_TEXT];

		memcpy(lower, text.p, QID_TEXT);
		ascii_lower_all((uint8_t *)lower, QID_TEXT);
		if (qid_parse(span_of(lower, QID_TEXT), &id) == 0)
			return by_queue_id(v, span_str(id.s), out);
	}
	if (token_read(text, &token) == 0)
		return by_copy_id(v, token.copy, out) && token_is_of(v, text, out);
	if (span_u64(text, copy_max, &copy) == 0)
		return by_copy_id(v, copy, out);
	*form = false;
	return false;
}

int mailview_find(struct mailview *v, const char *text, struct mailview_ref *out)
{
	bool form, found = find(v, span_str(text), out, &form);
	int code = 0;

	if (!form)
		code = ctl_fail(EX_USAGE,
				"\"%s\" is no queue id (32 hex digits), copy id (a number) "
				"or token (34 letters and digits)",
				text);
	else if (!found && !db_error(v->d))
		code = ctl_fail(EX_NOINPUT,
				"there is no message or copy %s; `posthaste message "
				"list` shows those there are",
				text);
	return mailview_end(v, code);
}

/* messages */

static json_t *copy_json(struct mailview *v)
{
	enum { S = MAIL_SQL_COPIES_OF_MESSAGE };
	uint64_t state = db_get_u64(v->d, S, 2);
	bool waits = state == STATE_QUEUED || state == STATE_DEFERRED;
	struct wall next = {db_get_i64(v->d, S, 4)};

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
			 out_uint(db_get_u64(v->d, S, 0)), "recipient", json_column(v, S, 1),
			 "state", out_str(state_name(state)), "token", json_column(v, S, 5),
			 "return_path", json_column(v, S, 6), "attempts",
			 out_uint(db_get_u64(v->d, S, 3)), "next_at",
			 waits ? out_time(next) : json_null(), "last", json_column(v, S, 7));
}

static void add_copies(struct mailview *v, uint64_t n, json_t *message)
{
	json_t *rcpt = json_array(), *copies = json_array();

	db_u64(v->d, MAIL_SQL_COPIES_OF_MESSAGE, n);
	while (db_step(v->d, MAIL_SQL_COPIES_OF_MESSAGE)) {
		json_array_append_new(rcpt, json_column(v, MAIL_SQL_COPIES_OF_MESSAGE, 1));
		json_array_append_new(copies, copy_json(v));
	}
	json_object_set_new(message, "rcpt", rcpt);
	json_object_set_new(message, "copies", copies);
}

/* NULL: there is none, or the database failed. */
static json_t *message_once(struct mailview *v, const char *id)
{
	enum { S = MAIL_SQL_MESSAGE_SHOW };
	uint64_t n;
	json_t *m;

	db_text(v->d, S, span_str(id));
	if (!db_step(v->d, S))
		return NULL;
	n = db_get_u64(v->d, S, 0);
	m = json_pack("{s:o, s:o, s:n, s:s, s:o, s:o, s:o}", "id", json_column(v, S, 1), "from",
		      json_column(v, S, 3), "rcpt", "direction", "outgoing", "size",
		      out_uint(db_get_u64(v->d, S, 4)), "received",
		      out_time((struct wall){db_get_i64(v->d, S, 5)}), "server",
		      out_uint(db_get_u64(v->d, S, 2)));
	must(m);
	add_copies(v, n, m);
	db_reset(v->d, S);
	return m;
}

int mailview_message(struct mailview *v, const char *id, json_t **out)
{
	json_t *m = NULL;

	do {
		json_decref(m);
		m = message_once(v, id);
	} while (mailview_again(v));
	if (!m && !db_error(v->d))
		return ctl_fail(EX_NOINPUT, "there is no message %s", id);
	*out = m;
	return mailview_end(v, 0);
}

int mailview_page(struct mailview *v, const char *after, size_t max, struct qid ids[MAILVIEW_PAGE],
		  size_t *n_out)
{
	enum { S = MAIL_SQL_MESSAGE_LIST };
	size_t n;

	do {
		n = 0;
		db_text(v->d, S, span_str(after));
		db_u64(v->d, S, size_min(max, MAILVIEW_PAGE));
		while (n < MAILVIEW_PAGE && db_step(v->d, S)) {
			text_column(v, S, 1, ids[n].s, sizeof(ids[n].s));
			n++;
		}
		db_reset(v->d, S);
	} while (mailview_again(v));
	*n_out = n;
	return mailview_end(v, 0);
}

/* events */

static json_t *event_object(struct mailview *v, const char *message)
{
	enum { S = MAIL_SQL_EVENTS_OF_MESSAGE };
	struct span data = db_get_text(v->d, S, 4);
	json_t *fields = json_loadb((const char *)data.p, data.n, 0, NULL);
	json_t *e = json_pack("{s:o, s:o, s:s, s:s}", "seq", out_uint(db_get_u64(v->d, S, 0)), "at",
			      out_time((struct wall){db_get_i64(v->d, S, 1)}), "event",
			      event_name(db_get_u64(v->d, S, 2)), "message", message);

	must(e);
	if (!db_get_is_null(v->d, S, 3)) {
		json_object_set_new(e, "copy", out_uint(db_get_u64(v->d, S, 3)));
		json_object_set_new(e, "rcpt", json_column(v, S, 5));
	}
	if (fields)
		json_object_update_missing(e, fields);
	else
		ctl_warn("event %llu holds no JSON; its details are not shown",
			 (unsigned long long)db_get_u64(v->d, S, 0));
	json_decref(fields);
	return e;
}

/* One copy's trace has its own events and those of the message as a whole. */
static bool concerns(struct mailview *v, uint64_t copy)
{
	return copy == 0 || db_get_is_null(v->d, MAIL_SQL_EVENTS_OF_MESSAGE, 3) ||
	       db_get_u64(v->d, MAIL_SQL_EVENTS_OF_MESSAGE, 3) == copy;
}

/* To the event of that number, which may not be in the list. */
static void add_conversation(json_t *list, uint64_t event, struct span text)
{
	size_t i;
	json_t *e, *lines;

	json_array_foreach(list, i, e)
	{
		if (out_get_u64(e, "seq") != event)
			continue;
		lines = json_array();
		while (text.n) {
			struct span line = span_cut(&text, '\n');

			json_array_append_new(lines, json_stringn((const char *)line.p, line.n));
		}
		json_object_set_new(e, "smtp", lines);
		return;
	}
}

static void add_conversations(struct mailview *v, uint64_t message, json_t *list)
{
	enum { S = MAIL_SQL_CONVERSATIONS_OF_MESSAGE };

	db_u64(v->d, S, message);
	while (db_step(v->d, S))
		add_conversation(list, db_get_u64(v->d, S, 0), db_get_text(v->d, S, 1));
}

int mailview_events(struct mailview *v, const struct mailview_ref *ref, bool smtp, json_t **out)
{
	json_t *list = NULL;

	do {
		json_decref(list);
		list = json_array();
		db_u64(v->d, MAIL_SQL_EVENTS_OF_MESSAGE, ref->n);
		while (db_step(v->d, MAIL_SQL_EVENTS_OF_MESSAGE))
			if (concerns(v, ref->copy))
				json_array_append_new(list, event_object(v, ref->id));
		if (smtp)
			add_conversations(v, ref->n, list);
	} while (mailview_again(v));
	*out = list;
	return mailview_end(v, 0);
}

static uint64_t open_of_message(struct mailview *v, const char *id)
{
	uint64_t n = 0;

	db_text(v->d, MAIL_SQL_MESSAGE_BY_ID, span_str(id));
	if (db_step(v->d, MAIL_SQL_MESSAGE_BY_ID))
		n = db_get_u64(v->d, MAIL_SQL_MESSAGE_BY_ID, 1);
	db_reset(v->d, MAIL_SQL_MESSAGE_BY_ID);
	return n;
}

static uint64_t open_of_copy(struct mailview *v, uint64_t copy)
{
	uint64_t n = 0;

	db_u64(v->d, MAIL_SQL_MESSAGE_OF_COPY, copy);
	if (db_step(v->d, MAIL_SQL_MESSAGE_OF_COPY))
		n = !state_final((enum copy_state)db_get_u64(v->d, MAIL_SQL_MESSAGE_OF_COPY, 2));
	db_reset(v->d, MAIL_SQL_MESSAGE_OF_COPY);
	return n;
}

int mailview_open_copies(struct mailview *v, const struct mailview_ref *ref, uint64_t *out)
{
	do
		*out = ref->copy ? open_of_copy(v, ref->copy) : open_of_message(v, ref->id);
	while (mailview_again(v));
	return mailview_end(v, 0);
}
