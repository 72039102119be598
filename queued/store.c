/*
 * store.c - see store.h; all SQL is in common/db/mail.sql.
 */
#include "queued/store.h"

#include <stdio.h>

#include "common/db/checkpoint.h"
#include "common/db/db.h"
#include "common/log.h"
#include "common/proc.h"
#include "mail_sql.h"

#define MAIL_DB "mail/mail.db"
enum { SCHEMA_VERSION = 2 };

static struct db *db;

void store_open(void)
{
	char error[512];

	db = db_open(MAIL_DB, DB_WRITE, mail_sql, MAIL_SQL_COUNT, MAIL_SQL_SCHEMA, SCHEMA_VERSION,
		     error, sizeof(error));
	if (!db)
		die(EX_IOERR,
		    "%s; nothing is lost (mail goes on being accepted): make room, or "
		    "restore the file, or move it away to have it made anew from the "
		    "spool",
		    error);
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
	LOG(LOG_ERROR, "database-failed", KS("file", MAIL_DB), KS("reason", db_error_text(db)));
	db_rollback(db);
	return false;
}

static bool insert_message(const struct envelope *e, uint64_t size)
{
	db_text(db, MAIL_SQL_MESSAGE_INSERT, span_of(e->id.s, QID_TEXT));
	db_u64(db, MAIL_SQL_MESSAGE_INSERT, e->server);
	db_u64(db, MAIL_SQL_MESSAGE_INSERT, e->credential);
	db_text(db, MAIL_SQL_MESSAGE_INSERT, addr_span(&e->sender));
	db_text(db, MAIL_SQL_MESSAGE_INSERT, domain_span(&e->domain));
	db_u64(db, MAIL_SQL_MESSAGE_INSERT, size);
	db_i64(db, MAIL_SQL_MESSAGE_INSERT, e->received.ms);
	db_u64(db, MAIL_SQL_MESSAGE_INSERT, e->rcpt_count);
	db_run(db, MAIL_SQL_MESSAGE_INSERT);
	return !db_conflict(db);
}

static bool copy_is_known(uint64_t copy)
{
	bool known;

	db_u64(db, MAIL_SQL_MESSAGE_OF_COPY, copy);
	known = db_step(db, MAIL_SQL_MESSAGE_OF_COPY);
	db_reset(db, MAIL_SQL_MESSAGE_OF_COPY);
	return known;
}

static void insert_copy(const struct envelope *e, size_t i, uint64_t n, const char *token,
			const char *return_domain)
{
	char path[LIMIT_ADDR + 1] = "";

	if (e->sender.n) /* a null sender stays null */
		snprintf(path, sizeof(path), "b+%s@%s", token, return_domain);
	db_u64(db, MAIL_SQL_COPY_INSERT, e->rcpts[i].copy);
	db_u64(db, MAIL_SQL_COPY_INSERT, n);
	db_text(db, MAIL_SQL_COPY_INSERT, addr_span(&e->rcpts[i].addr));
	db_u64(db, MAIL_SQL_COPY_INSERT, STATE_QUEUED);
	db_i64(db, MAIL_SQL_COPY_INSERT, e->received.ms);
	db_text(db, MAIL_SQL_COPY_INSERT, span_str(token));
	db_text(db, MAIL_SQL_COPY_INSERT, span_str(path));
	db_run(db, MAIL_SQL_COPY_INSERT);
}

enum store_claim store_put_message(const struct envelope *e, uint64_t size,
				   char (*tokens)[TOKEN_TEXT_SIZE], const char *return_domain,
				   uint64_t *n_out)
{
	struct store_row row;
	struct event accepted = {.type = EVENT_ACCEPTED};

	if (store_message(&e->id, &row))
		return CLAIM_KNOWN;
	for (size_t i = 0; i < e->rcpt_count; i++)
		if (copy_is_known(e->rcpts[i].copy))
			return CLAIM_CONFLICT;
	insert_message(e, size);
	*n_out = db_last_id(db);
	for (size_t i = 0; i < e->rcpt_count; i++)
		insert_copy(e, i, *n_out, tokens[i], return_domain);
	accepted.accepted = (struct event_accepted){
		.from = addr_span(&e->sender),
		.size = size,
		.copies = e->rcpt_count,
		.server = e->server,
		.client = span_str(e->client),
		.helo = span_str(e->helo),
		.tls = span_str(e->tls),
	};
	store_put_event(&accepted, *n_out, 0, e->received.ms);
	return CLAIM_NEW;
}

void store_put_copy(const struct job *j, const char *last)
{
	db_u64(db, MAIL_SQL_COPY_UPDATE, j->state);
	db_u64(db, MAIL_SQL_COPY_UPDATE, j->attempts);
	db_i64(db, MAIL_SQL_COPY_UPDATE, j->due_ms);
	db_text(db, MAIL_SQL_COPY_UPDATE, span_str(last));
	db_u64(db, MAIL_SQL_COPY_UPDATE, j->copy);
	db_run(db, MAIL_SQL_COPY_UPDATE);
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
	OC_TOKEN,
	OC_SERVER,
	OC_DOMAIN,
	OC_RECEIVED
};

static struct message *message_of_row(void)
{
	struct qid id;
	struct message *m;
	struct span domain = db_get_text(db, MAIL_SQL_OPEN_COPIES, OC_DOMAIN);

	if (qid_parse(db_get_text(db, MAIL_SQL_OPEN_COPIES, OC_ID), &id) != 0)
		return NULL;
	m = jobs_message(&id);
	if (m)
		return m;
	m = jobs_message_new(&id);
	m->n = db_get_u64(db, MAIL_SQL_OPEN_COPIES, OC_MESSAGE);
	m->server = db_get_u64(db, MAIL_SQL_OPEN_COPIES, OC_SERVER);
	m->received_ms = db_get_i64(db, MAIL_SQL_OPEN_COPIES, OC_RECEIVED);
	if (domain.n && domain_parse(domain, &m->domain) != 0)
		m->domain.n = 0;
	return m;
}

static void load_row(void)
{
	uint64_t copy = db_get_u64(db, MAIL_SQL_OPEN_COPIES, OC_COPY);
	struct message *m = message_of_row();
	struct job *j = m ? jobs_new(m, copy) : NULL;

	if (!j || addr_parse(db_get_text(db, MAIL_SQL_OPEN_COPIES, OC_RCPT), &j->rcpt) != 0 ||
	    span_cstr(db_get_text(db, MAIL_SQL_OPEN_COPIES, OC_TOKEN), j->token,
		      sizeof(j->token)) != 0)
		die(EX_DATAERR,
		    "%s: the row of copy %llu is damaged; restore the file, or move it "
		    "away to have it made anew from the spool",
		    MAIL_DB, (unsigned long long)copy);
	j->state = (enum copy_state)db_get_u64(db, MAIL_SQL_OPEN_COPIES, OC_STATE);
	j->attempts = (unsigned)db_get_u64(db, MAIL_SQL_OPEN_COPIES, OC_ATTEMPTS);
	j->due_ms = db_get_i64(db, MAIL_SQL_OPEN_COPIES, OC_NEXT);
	j->return_path = span_dup(db_get_text(db, MAIL_SQL_OPEN_COPIES, OC_PATH));
	must(j->return_path != NULL);
}

void store_load_open(void)
{
	while (db_step(db, MAIL_SQL_OPEN_COPIES))
		load_row();
	if (db_error(db))
		die(EX_IOERR, "%s: %s", MAIL_DB, db_error_text(db));
}

void store_each_unkept(void (*fn)(uint64_t n, const struct qid *id))
{
	struct qid id;

	while (db_step(db, MAIL_SQL_FINISHED_NOT_KEPT))
		if (qid_parse(db_get_text(db, MAIL_SQL_FINISHED_NOT_KEPT, 1), &id) == 0)
			fn(db_get_u64(db, MAIL_SQL_FINISHED_NOT_KEPT, 0), &id);
}
