/*
 * store.c - see store.h; all SQL is in common/db/mail.sql.
 */
#include "queued/store.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/db/checkpoint.h"
#include "common/db/db.h"
#include "common/log.h"
#include "common/proc.h"
#include "common/spool/spool.h"
#include "queued/queued.h"
#include "mail_sql.h"

#define MAIL_DB "mail/mail.db"
#define MARKS "mail/inflight" /* inflight.c makes it at the first start */
#define MOVE_AWAY                                                                                \
	"move it away to have it made anew from the spool (export the suppression list before, " \
	"if it can be read)"
enum { SCHEMA_VERSION = 3 };
_Static_assert(MAIL_SQL_TO_3 == MAIL_SQL_SCHEMA + SCHEMA_VERSION - 1, "the last step");

static struct db *db;

void store_open(void)
{
	struct stat st;
	char error[512];
	bool lost = access(MARKS, F_OK) == 0 && (stat(MAIL_DB, &st) < 0 || st.st_size == 0);

	db = db_open(MAIL_DB, DB_WRITE, mail_sql, MAIL_SQL_COUNT, MAIL_SQL_SCHEMA, SCHEMA_VERSION,
		     error, sizeof(error));
	if (!db)
		die(EX_IOERR,
		    "%s; nothing is lost (mail goes on being accepted): make room, or "
		    "restore the file, or " MOVE_AWAY,
		    error);
	if (lost)
		LOG(LOG_ALERT, "database-made-anew", KS("file", MAIL_DB),
		    KS("reason",
		       "it was missing or empty: queued mail is taken from the spool; the "
		       "suppression list, events and idempotency keys are gone unless it "
		       "is restored"));
	checkpoint_start(MAIL_DB);
}

void store_close(void)
{
	db_close(&db);
}

void store_begin(bool durable)
{
	db_begin(db, durable);
}

bool store_commit(void)
{
	if (db_commit(db) == 0)
		return true;
	store_failed();
	return false;
}

void store_failed(void)
{
	LOG(LOG_ERROR, "database-failed", KS("file", MAIL_DB), KS("reason", db_error_text(db)));
	db_rollback(db);
}

void store_undo(void)
{
	db_rollback(db);
}

struct db *store_db(void)
{
	return db;
}

/* claims */

static void insert_message(const struct store_new *m)
{
	enum { S = MAIL_SQL_MESSAGE_INSERT };
	const struct envelope *e = m->e;
	const struct options *o = &e->options;

	db_text(db, S, span_of(e->id.s, QID_TEXT));
	db_u64(db, S, e->server);
	db_u64(db, S, e->credential);
	db_text(db, S, addr_span(&e->sender));
	db_text(db, S, domain_span(&e->domain));
	db_u64(db, S, m->size);
	db_i64(db, S, e->received.ms);
	db_u64(db, S, m->state == STATE_CANCELLED ? 0 : e->rcpt_count);
	db_text(db, S, span_str(o->tag));
	db_text(db, S, span_str(o->stream));
	db_text(db, S, span_str(o->metadata));
	db_text(db, S, span_str(o->idempotency));
	if (e->has_digest)
		db_blob(db, S, span_of(e->digest, sizeof(e->digest)));
	else
		db_null(db, S);
	db_i64(db, S, o->expires.ms);
	db_run(db, S);
}

static bool copy_is_known(uint64_t copy)
{
	bool known;

	db_u64(db, MAIL_SQL_MESSAGE_OF_COPY, copy);
	known = db_step(db, MAIL_SQL_MESSAGE_OF_COPY);
	db_reset(db, MAIL_SQL_MESSAGE_OF_COPY);
	return known;
}

static void insert_copy(const struct store_new *m, size_t i)
{
	enum { S = MAIL_SQL_COPY_INSERT };
	const struct envelope *e = m->e;
	char path[LIMIT_ADDR + 1] = "";
	enum hold hold = m->state == STATE_HELD ? HOLD_IDEMPOTENCY : HOLD_NONE;

	if (e->sender.n) /* a null sender stays null */
		snprintf(path, sizeof(path), "b+%s@%s", m->tokens[i], m->return_domain);
	db_u64(db, S, e->rcpts[i].copy);
	db_u64(db, S, m->n);
	db_text(db, S, addr_span(&e->rcpts[i].addr));
	db_u64(db, S, m->state);
	db_i64(db, S, e->received.ms + (hold ? conf->queue_hold_lifetime_ms : 0));
	db_text(db, S, span_str(m->tokens[i]));
	db_text(db, S, span_str(path));
	db_text(db, S, span_str(hold_name(hold)));
	db_run(db, S);
}

/* What becomes of a message whose idempotency key is known; first: the message that has it. */
static enum copy_state same_key(const struct envelope *e, struct qid *first)
{
	enum { S = MAIL_SQL_MESSAGE_SAME_KEY };
	enum copy_state state = STATE_QUEUED;
	struct span digest;

	if (!e->options.idempotency[0] || !conf->queue_idempotency_ms)
		return STATE_QUEUED;
	db_u64(db, S, e->server);
	db_text(db, S, span_str(e->options.idempotency));
	db_i64(db, S, e->received.ms - conf->queue_idempotency_ms);
	if (!db_step(db, S))
		return STATE_QUEUED;
	digest = db_get_text(db, S, 1);
	if (qid_parse(db_get_text(db, S, 0), first) == 0)
		state = span_eq(digest, span_of(e->digest, sizeof(e->digest))) ? STATE_CANCELLED
									       : STATE_HELD;
	db_reset(db, S);
	return state;
}

static void put_warning(const struct store_new *m, const char *what, const char *detail)
{
	struct event e = {.type = EVENT_WARNING};

	e.warning.what = span_str(what);
	e.warning.detail = span_str(detail);
	store_put_event(&e, m->n, 0, m->e->received.ms);
}

static void put_warnings(const struct store_new *m)
{
	if (m->spool_flags & SPOOL_FLAG_LONG_LINES)
		put_warning(m, "long-lines",
			    "a line is longer than 998 bytes (RFC 5322 2.1.1): some servers refuse "
			    "or break it; encode the part as quoted-printable or base64");
	if (m->dkim_unpublished)
		put_warning(m, "dkim-unpublished",
			    "the domain in From has not published its DKIM key, so only "
			    "deliver.dkim_domain signs; publish the key and run `posthaste domain "
			    "check`");
}

static void put_accepted(const struct store_new *m)
{
	const struct envelope *e = m->e;
	struct event accepted = {.type = EVENT_ACCEPTED};

	accepted.accepted = (struct event_accepted){
		.from = addr_span(&e->sender),
		.size = m->size,
		.copies = e->rcpt_count,
		.server = e->server,
		.client = span_str(e->client),
		.helo = span_str(e->helo),
		.tls = span_str(e->tls),
	};
	store_put_event(&accepted, m->n, 0, e->received.ms);
	put_warnings(m);
}

/* The first event of each copy of a message that does not go its way. */
static void put_same_key(const struct store_new *m, const struct qid *first)
{
	struct event e = {.type = m->state == STATE_HELD ? EVENT_HELD : EVENT_CANCELLED};
	char reason[128];

	snprintf(reason, sizeof(reason),
		 "the same message was accepted as %s under its idempotency key", first->s);
	if (m->state == STATE_HELD)
		e.held = (struct event_held){
			.reason = span_str(hold_name(HOLD_IDEMPOTENCY)),
			.detail = span_str(hold_detail(HOLD_IDEMPOTENCY)),
			.until = (uint64_t)(m->e->received.ms + conf->queue_hold_lifetime_ms)};
	else
		e.cancelled.reason = span_str(reason);
	for (size_t i = 0; i < m->e->rcpt_count; i++)
		store_put_event(&e, m->n, m->e->rcpts[i].copy, wall_now().ms);
}

enum store_claim store_put_message(struct store_new *m)
{
	const struct envelope *e = m->e;
	struct store_row row;
	struct qid first;

	if (store_message(&e->id, &row))
		return CLAIM_KNOWN;
	for (size_t i = 0; i < e->rcpt_count; i++)
		if (copy_is_known(e->rcpts[i].copy))
			return CLAIM_CONFLICT;
	m->state = same_key(e, &first);
	insert_message(m);
	m->n = db_last_id(db);
	for (size_t i = 0; i < e->rcpt_count; i++)
		insert_copy(m, i);
	put_accepted(m);
	if (m->state != STATE_QUEUED)
		put_same_key(m, &first);
	return CLAIM_NEW;
}

/* copies and events */

void store_put_copy(const struct store_copy *c)
{
	enum { S = MAIL_SQL_COPY_UPDATE };

	db_u64(db, S, c->state);
	db_u64(db, S, c->attempts);
	db_i64(db, S, wall_of_mono(c->due).ms);
	db_text(db, S, span_str(hold_name(c->hold)));
	db_u64(db, S, c->flags);
	if (c->last)
		db_text(db, S, span_str(c->last));
	else
		db_null(db, S);
	db_u64(db, S, c->copy);
	db_run(db, S);
}

static const struct {
	enum queue_action action;
	const char *name;
} wanted[] = {{QUEUE_HOLD, "hold"}, {QUEUE_CANCEL, "cancel"}};

void store_put_wanted(uint64_t copy, unsigned action, const char *why)
{
	enum { S = MAIL_SQL_COPY_WANT };
	char text[JOB_WHY_MAX + 16] = "";

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		if (wanted[i].action == action)
			snprintf(text, sizeof(text), "%s%s%s", wanted[i].name, *why ? ": " : "",
				 why);
	db_text(db, S, span_str(text));
	db_u64(db, S, copy);
	db_run(db, S);
}

static void load_wanted(struct job *j, struct span text)
{
	struct span name = span_cut(&text, ':');

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		char why[JOB_WHY_MAX + 1];

		if (!span_eq_str(name, wanted[i].name) ||
		    span_cstr(span_from(text, 1), why, sizeof(why)) != 0)
			continue;
		jobs_want(j, wanted[i].action, why);
	}
}

void store_put_event(const struct event *e, uint64_t message, uint64_t copy, int64_t at_ms)
{
	struct buf json;

	buf_init(&json, EVENT_JSON_MAX);
	event_json(e, &json);
	must(buf_ok(&json));
	db_i64(db, MAIL_SQL_EVENT_INSERT, at_ms);
	db_u64(db, MAIL_SQL_EVENT_INSERT, e->type);
	db_u64(db, MAIL_SQL_EVENT_INSERT, message);
	if (copy)
		db_u64(db, MAIL_SQL_EVENT_INSERT, copy);
	else
		db_null(db, MAIL_SQL_EVENT_INSERT);
	db_text(db, MAIL_SQL_EVENT_INSERT, buf_span(&json));
	db_run(db, MAIL_SQL_EVENT_INSERT);
	buf_done(&json);
}

void store_put_conversation(struct span text, int64_t at_ms)
{
	db_i64(db, MAIL_SQL_CONVERSATION_INSERT, at_ms);
	db_text(db, MAIL_SQL_CONVERSATION_INSERT, text);
	db_run(db, MAIL_SQL_CONVERSATION_INSERT);
}

void store_put_setting(const char *name, struct span value)
{
	db_text(db, MAIL_SQL_SETTING_PUT, span_str(name));
	db_text(db, MAIL_SQL_SETTING_PUT, value);
	db_run(db, MAIL_SQL_SETTING_PUT);
}

void store_close_one(uint64_t message)
{
	db_u64(db, MAIL_SQL_MESSAGE_CLOSE_ONE, message);
	db_run(db, MAIL_SQL_MESSAGE_CLOSE_ONE);
}

void store_put_kept(uint64_t message, int64_t day)
{
	db_i64(db, MAIL_SQL_MESSAGE_KEPT, day);
	db_u64(db, MAIL_SQL_MESSAGE_KEPT, message);
	db_run(db, MAIL_SQL_MESSAGE_KEPT);
}

bool store_message(const struct qid *id, struct store_row *out)
{
	bool found;

	db_text(db, MAIL_SQL_MESSAGE_BY_ID, span_of(id->s, QID_TEXT));
	found = db_step(db, MAIL_SQL_MESSAGE_BY_ID);
	if (found)
		*out = (struct store_row){
			.n = db_get_u64(db, MAIL_SQL_MESSAGE_BY_ID, 0),
			.open = (unsigned)db_get_u64(db, MAIL_SQL_MESSAGE_BY_ID, 1),
			.has_kept = !db_get_is_null(db, MAIL_SQL_MESSAGE_BY_ID, 2),
			.kept = db_get_i64(db, MAIL_SQL_MESSAGE_BY_ID, 2),
		};
	db_reset(db, MAIL_SQL_MESSAGE_BY_ID);
	return found;
}

bool store_setting(const char *name, char *value, size_t size)
{
	bool found;

	db_text(db, MAIL_SQL_SETTING, span_str(name));
	found = db_step(db, MAIL_SQL_SETTING) &&
		span_cstr(db_get_text(db, MAIL_SQL_SETTING, 0), value, size) == 0;
	db_reset(db, MAIL_SQL_SETTING);
	return found;
}

void store_each_setting(const char *prefix, void (*fn)(struct span name, struct span value))
{
	char end[64];

	snprintf(end, sizeof(end), "%s\x7f", prefix);
	db_text(db, MAIL_SQL_SETTINGS_LIKE, span_str(prefix));
	db_text(db, MAIL_SQL_SETTINGS_LIKE, span_str(end));
	while (db_step(db, MAIL_SQL_SETTINGS_LIKE))
		fn(db_get_text(db, MAIL_SQL_SETTINGS_LIKE, 0),
		   db_get_text(db, MAIL_SQL_SETTINGS_LIKE, 1));
}

/* the start */

/* Columns of open_copies. */
enum {
	OC_COPY,
	OC_MESSAGE,
	OC_ID,
	OC_RCPT,
	OC_STATE,
	OC_ATTEMPTS,
	OC_NEXT,
	OC_PATH,
	OC_HOLD,
	OC_FLAGS,
	OC_WANTED,
	OC_SERVER,
	OC_DOMAIN,
	OC_RECEIVED,
	OC_CREDENTIAL,
	OC_SIZE,
	OC_STREAM,
	OC_EXPIRES
};
enum { OC = MAIL_SQL_OPEN_COPIES };

/* A wall clock that was set back must not make anything wait longer than it would have. */
static struct mono not_after(struct mono t, int64_t later_ms)
{
	int64_t last = mono_now().ms + later_ms;

	return t.ms > last && t.ms != INT64_MAX ? (struct mono){last} : t;
}

/* Nor must one that is ahead end what is held: it may be put right within a day, or a part of the
 * hold's lifetime. */
static struct mono not_before(struct mono t, int64_t lifetime_ms)
{
	enum { DAY_MS = 86400000 };
	int64_t first = mono_now().ms + (lifetime_ms / 4 < DAY_MS ? lifetime_ms / 4 : DAY_MS);

	return t.ms < first ? (struct mono){first} : t;
}

static struct message *message_of_row(void)
{
	struct qid id;
	struct message *m;
	int64_t expires = db_get_i64(db, OC, OC_EXPIRES);

	if (qid_parse(db_get_text(db, OC, OC_ID), &id) != 0)
		return NULL;
	m = jobs_message(&id);
	if (m)
		return m;
	m = jobs_message_new(&id, db_get_u64(db, OC, OC_SERVER), db_get_u64(db, OC, OC_SIZE));
	m->n = db_get_u64(db, OC, OC_MESSAGE);
	m->credential = db_get_u64(db, OC, OC_CREDENTIAL);
	m->received = not_after(mono_of_wall((struct wall){db_get_i64(db, OC, OC_RECEIVED)}), 0);
	if (expires)
		m->expires = mono_of_wall((struct wall){expires});
	m->bulk = stream_is_bulk(db_get_text(db, OC, OC_STREAM));
	m->domain = span_dup(db_get_text(db, OC, OC_DOMAIN));
	must(m->domain);
	return m;
}

static int64_t longest_wait_ms(const struct job *j)
{
	const struct conf_times *t = &conf->queue_retry;

	return j->state == STATE_HELD ? conf->queue_hold_lifetime_ms
				      : plan_retry_ms(t, (unsigned)t->n, 99);
}

static void load_row(void)
{
	uint64_t copy = db_get_u64(db, OC, OC_COPY);
	struct addr rcpt;
	struct message *m = message_of_row();
	struct job *j;

	if (!m || addr_parse(db_get_text(db, OC, OC_RCPT), &rcpt) != 0)
		die(EX_DATAERR,
		    "%s: the row of copy %llu is damaged; restore the file, or " MOVE_AWAY, MAIL_DB,
		    (unsigned long long)copy);
	j = jobs_new(m, copy, &rcpt);
	j->state = (enum copy_state)db_get_u64(db, OC, OC_STATE);
	j->attempts = (unsigned)db_get_u64(db, OC, OC_ATTEMPTS);
	j->hold = hold_read(db_get_text(db, OC, OC_HOLD));
	j->flags = (uint16_t)db_get_u64(db, OC, OC_FLAGS);
	load_wanted(j, db_get_text(db, OC, OC_WANTED));
	j->due = not_after(mono_of_wall((struct wall){db_get_i64(db, OC, OC_NEXT)}),
			   longest_wait_ms(j));
	if (j->state == STATE_HELD && j->hold != HOLD_SEND_LIMIT)
		j->due = not_before(j->due, conf->queue_hold_lifetime_ms);
	if (j->state == STATE_HELD && j->hold == HOLD_NONE) { /* nobody knows why: for ever */
		j->hold = HOLD_OPERATOR;
		j->due.ms = INT64_MAX;
	}
	j->return_path = span_dup(db_get_text(db, OC, OC_PATH));
	must(j->return_path != NULL);
}

void store_load_open(void)
{
	while (db_step(db, MAIL_SQL_OPEN_COPIES))
		load_row();
	if (db_error(db))
		die(EX_IOERR, "%s: %s; restore the file, or " MOVE_AWAY, MAIL_DB,
		    db_error_text(db));
}

void store_each_unkept(void (*fn)(uint64_t n, const struct qid *id))
{
	struct qid id;

	while (db_step(db, MAIL_SQL_FINISHED_NOT_KEPT))
		if (qid_parse(db_get_text(db, MAIL_SQL_FINISHED_NOT_KEPT, 1), &id) == 0)
			fn(db_get_u64(db, MAIL_SQL_FINISHED_NOT_KEPT, 0), &id);
}
