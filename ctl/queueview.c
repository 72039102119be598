#include "ctl/queueview.h"

#include "common/db/db.h"
#include "mail_sql.h"

#include "ctl/output.h"

enum { DOMAINS_MAX = 10 };

static json_t *text_column(struct db *d, size_t stmt, int column)
{
	return out_string(db_get_text(d, stmt, column));
}

/* Held copies that wait for ever have no time. */
static json_t *time_column(struct db *d, size_t stmt, int column)
{
	int64_t ms = db_get_i64(d, stmt, column);

	return ms == INT64_MAX ? json_null() : out_time((struct wall){ms});
}

static void bind_filter(struct db *d, const struct queue_filter *f, uint64_t after, size_t max)
{
	enum { S = MAIL_SQL_QUEUE_LIST };

	db_u64(d, S, f->state);
	db_text(d, S, domain_span(&f->domain));
	db_text(d, S, addr_span(&f->rcpt));
	db_u64(d, S, f->server);
	db_text(d, S, f->tag);
	/* without an age also what was accepted before the clock was set back */
	db_i64(d, S, f->older_ms ? wall_now().ms - (int64_t)f->older_ms : INT64_MAX);
	db_u64(d, S, after);
	db_u64(d, S, size_min(max, QUEUEVIEW_PAGE));
}

/* A row of queue_list or queue_of. */
static json_t *copy_row(struct db *d, size_t S)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "copy",
			 out_uint(db_get_u64(d, S, 0)), "id", text_column(d, S, 1), "recipient",
			 text_column(d, S, 2), "state", out_str(state_name(db_get_u64(d, S, 3))),
			 "hold", text_column(d, S, 4), "attempts", out_uint(db_get_u64(d, S, 5)),
			 "next_at", time_column(d, S, 6), "last", text_column(d, S, 7), "received",
			 time_column(d, S, 8), "server", out_uint(db_get_u64(d, S, 9)), "tag",
			 text_column(d, S, 10), "stream", text_column(d, S, 11));
}

int queueview_page(struct mailview *v, const struct queue_filter *f, uint64_t after, size_t max,
		   json_t **out)
{
	struct db *d = mailview_db(v);
	json_t *rows = NULL;

	do {
		json_decref(rows);
		rows = json_array();
		bind_filter(d, f, after, max);
		while (db_step(d, MAIL_SQL_QUEUE_LIST))
			json_array_append_new(rows, copy_row(d, MAIL_SQL_QUEUE_LIST));
	} while (mailview_again(v));
	*out = rows;
	return mailview_end(v, 0);
}

int queueview_of(struct mailview *v, const struct mailview_ref *ref, json_t **out)
{
	enum { S = MAIL_SQL_QUEUE_OF };
	struct db *d = mailview_db(v);
	json_t *rows = NULL;

	do {
		json_decref(rows);
		rows = json_array();
		db_u64(d, S, ref->n);
		db_u64(d, S, ref->copy);
		while (db_step(d, S))
			json_array_append_new(rows, copy_row(d, S));
	} while (mailview_again(v));
	*out = rows;
	return mailview_end(v, 0);
}

static void add_count(json_t *object, const char *key, uint64_t n)
{
	json_int_t before = json_integer_value(json_object_get(object, key));

	json_object_set_new(object, key, json_integer(before + (json_int_t)n));
}

static void add_states(struct db *d, json_t *out)
{
	enum { S = MAIL_SQL_QUEUE_STATES };
	json_t *states = json_object(), *held = json_object();

	add_count(out, "open", 0);
	while (db_step(d, S)) {
		struct span hold = db_get_text(d, S, 1);
		uint64_t n = db_get_u64(d, S, 2);
		char reason[32];

		add_count(out, "open", n);
		add_count(states, state_name(db_get_u64(d, S, 0)), n);
		if (hold.n && span_cstr(hold, reason, sizeof(reason)) == 0)
			add_count(held, reason, n);
	}
	json_object_set_new(out, "states", states);
	json_object_set_new(out, "held", held);
}

static void add_due(struct db *d, json_t *out)
{
	enum { S = MAIL_SQL_QUEUE_DUE };

	db_i64(d, S, wall_now().ms);
	if (db_step(d, S))
		add_count(out, "due", db_get_u64(d, S, 0));
	db_reset(d, S);
}

static void add_domains(struct db *d, json_t *out)
{
	enum { S = MAIL_SQL_QUEUE_DOMAINS };
	json_t *list = json_array();

	db_u64(d, S, DOMAINS_MAX);
	while (db_step(d, S))
		json_array_append_new(list, json_pack("{s:o, s:o}", "domain", text_column(d, S, 0),
						      "copies", out_uint(db_get_u64(d, S, 1))));
	json_object_set_new(out, "domains", list);
}

static void add_servers(struct db *d, json_t *out)
{
	enum { S = MAIL_SQL_QUEUE_SERVERS };
	json_t *list = json_array();
	int64_t oldest = INT64_MAX;

	while (db_step(d, S)) {
		if (db_get_i64(d, S, 2) < oldest)
			oldest = db_get_i64(d, S, 2);
		json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "server",
						      out_uint(db_get_u64(d, S, 0)), "copies",
						      out_uint(db_get_u64(d, S, 1)), "oldest",
						      time_column(d, S, 2)));
	}
	json_object_set_new(out, "servers", list);
	json_object_set_new(out, "oldest",
			    oldest == INT64_MAX ? json_null() : out_time((struct wall){oldest}));
}

int queueview_summary(struct mailview *v, json_t **out)
{
	struct db *d = mailview_db(v);
	json_t *summary = NULL;

	do {
		json_decref(summary);
		summary = json_object();
		add_states(d, summary);
		add_due(d, summary);
		add_domains(d, summary);
		add_servers(d, summary);
	} while (mailview_again(v));
	*out = summary;
	return mailview_end(v, 0);
}
