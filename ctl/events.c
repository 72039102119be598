/*
 * events.c - posthaste events: what happened to all mail, in the order of its numbers; and -f of
 * trace, the same for one message.
 *
 * mail.db is read in short pages and looked at again five times a second: no read transaction
 * stays open while we wait.  What is wanted of a page is chosen here, not in SQL: else a server
 * without mail would mean one long read over all events, each time.
 */
#include "ctl/events.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "common/db/db.h"
#include "common/ipc/event.h"
#include "mail_sql.h"

#include "ctl/output.h"

enum { PAGE = 500, FOLLOW_MS = 200, LINE_SIZE_MAX = 65536 };

static volatile sig_atomic_t stopped;

static void on_stop(int signo)
{
	(void)signo;
	stopped = 1;
}

void events_follow_begin(void)
{
	struct sigaction sa = {.sa_handler = on_stop};

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

bool events_follow_pause(void)
{
	fflush(stdout);
	if (!stopped && !ferror(stdout))
		nanosleep(&(struct timespec){.tv_nsec = FOLLOW_MS * 1000000L}, NULL);
	return !stopped && !ferror(stdout);
}

/* reading */

/* Column e of events_after, where there is a message and a text in it. */
static void add_text(struct db *d, json_t *out, const char *key, int column)
{
	struct span s = db_get_text(d, MAIL_SQL_EVENTS_AFTER, column);

	if (s.n)
		json_object_set_new(out, key, out_string(s));
}

static void add_metadata(struct db *d, json_t *out)
{
	struct span s = db_get_text(d, MAIL_SQL_EVENTS_AFTER, 10);
	json_t *metadata = s.n ? json_loadb((const char *)s.p, s.n, 0, NULL) : NULL;

	if (metadata)
		json_object_set_new(out, "metadata", metadata);
}

static json_t *event_row(struct db *d)
{
	enum { S = MAIL_SQL_EVENTS_AFTER };
	struct span data = db_get_text(d, S, 4);
	json_t *fields = json_loadb((const char *)data.p, data.n, 0, NULL);
	json_t *e = json_pack("{s:o, s:o, s:s, s:o}", "seq", out_uint(db_get_u64(d, S, 0)), "at",
			      out_time((struct wall){db_get_i64(d, S, 1)}), "event",
			      event_name(db_get_u64(d, S, 2)), "message",
			      out_string(db_get_text(d, S, 6)));

	if (!db_get_is_null(d, S, 3)) {
		json_object_set_new(e, "copy", out_uint(db_get_u64(d, S, 3)));
		json_object_set_new(e, "rcpt", out_string(db_get_text(d, S, 5)));
	}
	json_object_set_new(e, "server", out_uint(db_get_u64(d, S, 7)));
	add_text(d, e, "tag", 8);
	add_text(d, e, "stream", 9);
	add_metadata(d, e);
	if (fields)
		json_object_update_missing(e, fields);
	json_decref(fields);
	return e;
}

/* A page behind number *after, which moves on; NULL: it failed, the reason was said. */
static json_t *read_page(struct mailview *v, uint64_t *after, int *code)
{
	enum { S = MAIL_SQL_EVENTS_AFTER };
	struct db *d = mailview_db(v);
	json_t *rows = NULL;
	uint64_t last;

	do {
		json_decref(rows);
		rows = json_array();
		last = *after;
		db_u64(d, S, *after);
		db_u64(d, S, PAGE);
		while (db_step(d, S)) {
			last = db_get_u64(d, S, 0);
			json_array_append_new(rows, event_row(d));
		}
	} while (mailview_again(v));
	*code = mailview_end(v, 0);
	*after = last;
	return rows;
}

/* The numbers of the first event that is kept and of the last one; 0: there is none. */
static int read_range(struct mailview *v, uint64_t *first, uint64_t *last)
{
	enum { S = MAIL_SQL_EVENTS_RANGE };
	struct db *d = mailview_db(v);

	do {
		*first = *last = 0;
		if (db_step(d, S)) {
			*first = db_get_u64(d, S, 0);
			*last = db_get_u64(d, S, 1);
		}
		db_reset(d, S);
	} while (mailview_again(v));
	return mailview_end(v, 0);
}

/* printing */

static bool is_wanted(const json_t *e, const char *types, uint64_t server)
{
	struct span rest = span_str(types), name = out_get(e, "event");

	if (server && out_get_u64(e, "server") != server)
		return false;
	if (!types)
		return true;
	while (rest.n)
		if (span_eq(span_trim(span_cut(&rest, ',')), name))
			return true;
	return false;
}

/* One line: number, time, event, copy and recipient, and the words that say most. */
static void print_line(const json_t *e)
{
	static const char *const words[] = {"reason", "text", "last", "what", "from"};
	struct buf b;

	buf_init(&b, LINE_SIZE_MAX);
	buf_fmt(&b, "%llu  ", (unsigned long long)out_get_u64(e, "seq"));
	out_text(&b, out_get(e, "at"));
	buf_str(&b, "  ");
	out_text(&b, out_get(e, "event"));
	buf_str(&b, "  ");
	out_text(&b, out_get(e, "message"));
	if (json_object_get(e, "copy")) {
		buf_fmt(&b, "  %llu ", (unsigned long long)out_get_u64(e, "copy"));
		out_text(&b, out_get(e, "rcpt"));
	}
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (out_get(e, words[i]).n) {
			buf_str(&b, "  ");
			out_text(&b, out_get(e, words[i]));
			break;
		}
	buf_byte(&b, '\n');
	out_print(&b);
}

struct request {
	struct mailview *v;
	uint64_t after, limit, server;
	const char *types;
	bool json, follow;
};

/* All that is there now. */
static int print_pages(struct request *r)
{
	size_t n = PAGE;
	int code = 0;

	while (!code && n == PAGE && r->limit && !ferror(stdout)) {
		json_t *rows = read_page(r->v, &r->after, &code);

		n = json_array_size(rows);
		for (size_t i = 0; i < n && r->limit; i++) {
			json_t *e = json_array_get(rows, i);

			if (!is_wanted(e, r->types, r->server))
				continue;
			if (r->json)
				out_json(json_incref(e));
			else
				print_line(e);
			r->limit--;
		}
		json_decref(rows);
	}
	return code;
}

/* Whoever goes on behind a number is told when he has missed something. */
static int check_after(struct request *r)
{
	uint64_t first = 0, last = 0;
	int code = read_range(r->v, &first, &last);

	if (code || !r->after)
		return code;
	if (r->after > last)
		ctl_warn("--after %llu: the last event is %llu; either mail.db was made anew and "
			 "numbers began again, or events are no longer kept (retention.events); "
			 "--after 0 shows those there are",
			 (unsigned long long)r->after, (unsigned long long)last);
	else if (r->after + 1 < first)
		ctl_warn("events behind %llu are no longer kept (retention.events); the first that "
			 "is, is %llu",
			 (unsigned long long)r->after, (unsigned long long)first);
	return 0;
}

static int run(struct request *r)
{
	int code = check_after(r);

	if (!code)
		code = print_pages(r);
	if (!code && r->follow)
		events_follow_begin();
	while (!code && r->follow && r->limit && events_follow_pause())
		code = print_pages(r);
	return code;
}

static int check_types(const char *types)
{
	struct span rest = span_str(types);

	while (rest.n) {
		struct span one = span_trim(span_cut(&rest, ','));
		bool known = false;

		for (uint64_t i = 1; i < 64; i++)
			known |= span_eq_str(one, event_name(i));
		if (!known || span_eq_str(one, "?"))
			return ctl_fail(EX_USAGE,
					"--type %.*s: there is no such event; posthaste-events(7) "
					"lists them",
					SPAN_FMT(one));
	}
	return 0;
}

int cmd_events(int argc, char **argv, const struct ctl_options *o)
{
	const char *after = NULL, *limit = NULL, *server = NULL;
	struct request r = {.limit = UINT64_MAX, .json = o->json};
	struct ctl_opt opts[] = {
		{"--after", CTL_VALUE, &after},	  {"--limit", CTL_VALUE, &limit},
		{"--server", CTL_VALUE, &server}, {"--type", CTL_VALUE, &r.types},
		{"-f", CTL_FLAG, &r.follow},	  {"--follow", CTL_FLAG, &r.follow}};
	int code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), NULL, 0, 0);

	if (!code && after)
		code = ctl_number("--after", after, INT64_MAX, &r.after);
	if (!code && limit)
		code = ctl_number("--limit", limit, UINT32_MAX, &r.limit);
	if (!code && r.types)
		code = check_types(r.types);
	if (!code && server)
		code = ctl_server_id(server, &r.server);
	if (!code)
		code = ctl_claim(o);
	if (!code)
		r.v = mailview_open(&code);
	if (!code)
		code = run(&r);
	mailview_close(&r.v);
	return code;
}
