/*
 * queue_list.c - posthaste queue list|show: open copies, read from mail.db.
 */
#include <stdio.h>

#include "common/mail/date.h"

#include "ctl/output.h"
#include "ctl/queue.h"

/* list */

static void list_head(struct table *t)
{
	static const char *const heads[] = {"COPY",  "MESSAGE", "RECIPIENT", "STATE",
					    "TRIES", "NEXT",	"AGE",	     "LAST"};

	table_init(t, ARRAY_LEN(heads), heads);
}

static void age_cell(struct table *t, struct span received)
{
	struct wall at;
	struct buf b;

	buf_init(&b, 64);
	if (date_rfc3339(received, &at) == 0)
		out_duration(&b, wall_now().ms - at.ms);
	table_cell(t, buf_span(&b));
	buf_done(&b);
}

static void list_row(struct table *t, const json_t *c)
{
	struct span hold = out_get(c, "hold"), next = out_get(c, "next_at");

	table_fmt(t, "%llu", (unsigned long long)out_get_u64(c, "copy"));
	table_cell(t, out_get(c, "id"));
	table_cell(t, out_get(c, "recipient"));
	table_fmt(t, "%.*s%s%.*s", SPAN_FMT(out_get(c, "state")), hold.n ? ":" : "",
		  SPAN_FMT(hold));
	table_fmt(t, "%llu", (unsigned long long)out_get_u64(c, "attempts"));
	table_cell(t, next.n ? next : SPAN_LIT("-"));
	age_cell(t, out_get(c, "received"));
	table_cell(t, out_get(c, "last"));
}

/* t NULL: as JSON */
static void print_rows(struct table *t, const json_t *rows)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *row = json_array_get(rows, i);

		if (t)
			list_row(t, row);
		else
			out_json(json_incref(row));
	}
	if (t)
		table_flush(t);
}

static int list(struct mailview *v, const struct queue_filter *f, uint64_t after, uint64_t limit,
		struct table *t)
{
	int code = 0;

	while (!code && limit && !ferror(stdout)) {
		json_t *rows = NULL;
		size_t n;

		code = queueview_page(v, f, after, limit, &rows);
		n = json_array_size(rows);
		if (!code)
			print_rows(t, rows);
		if (n)
			after = out_get_u64(json_array_get(rows, n - 1), "copy");
		json_decref(rows);
		limit -= n;
		if (n == 0)
			break;
	}
	return code;
}

int cmd_queue_list(int argc, char **argv, const struct ctl_options *o)
{
	const char *after_text = NULL, *limit_text = NULL;
	struct queue_choice choice = {NULL};
	struct ctl_opt opts[] = {QUEUE_FILTER_OPTIONS(&choice),
				 {"--after", CTL_VALUE, &after_text},
				 {"--limit", CTL_VALUE, &limit_text}};
	uint64_t after = 0, limit = UINT64_MAX;
	struct mailview *v = NULL;
	struct queue_filter f;
	struct table t;
	int code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), NULL, 0, 0);

	if (!code && after_text)
		code = ctl_number("--after", after_text, (UINT64_C(1) << 53) - 1, &after);
	if (!code && limit_text)
		code = ctl_number("--limit", limit_text, UINT32_MAX, &limit);
	if (!code)
		code = queue_filter(&choice, &f);
	if (!code)
		code = ctl_claim(o);
	if (!code)
		v = mailview_open(&code);
	list_head(&t);
	if (!code)
		code = list(v, &f, after, limit, o->json ? NULL : &t);
	table_print(&t);
	mailview_close(&v);
	return code;
}

/* show */

static void show_counts(struct table *t, const char *what, const json_t *object)
{
	const char *key;
	json_t *n;

	json_object_foreach((json_t *)(uintptr_t)object, key, n)
	{
		table_fmt(t, "%s%s", what, key);
		table_fmt(t, "%lld", (long long)json_integer_value(n));
	}
}

static void show_list(struct table *t, const json_t *list, const char *label, const char *key)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i);

		table_fmt(t, "%s %.*s", label, SPAN_FMT(out_get(row, key)));
		table_fmt(t, "%llu", (unsigned long long)out_get_u64(row, "copies"));
	}
}

static void show_text(const json_t *summary)
{
	static const char *const numbers[] = {"open",	 "due",	    "in_flight",
					      "waiting", "workers", "pressure"};
	struct table t;

	table_init(&t, 2, NULL);
	table_str(&t, "deliveries");
	table_str(&t, json_is_true(json_object_get(summary, "paused")) ? "paused" : "on");
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		table_str(&t, numbers[i]);
		table_fmt(&t, "%llu", (unsigned long long)out_get_u64(summary, numbers[i]));
	}
	if (out_get(summary, "oldest").n) {
		table_str(&t, "oldest");
		table_cell(&t, out_get(summary, "oldest"));
	}
	show_counts(&t, "", json_object_get(summary, "states"));
	show_counts(&t, "held: ", json_object_get(summary, "held"));
	show_list(&t, json_object_get(summary, "domains"), "for", "domain");
	show_list(&t, json_object_get(summary, "servers"), "of server", "name");
	table_print(&t);
}

/* mail.db has only their numbers. */
static int name_servers(json_t *servers)
{
	char name[CONTROL_LABEL_SIZE];
	int code = 0;
	struct control *c = ctl_control(DB_READ, &code);

	for (size_t i = 0; c && i < json_array_size(servers); i++) {
		json_t *row = json_array_get(servers, i);

		ctl_server_name(c, out_get_u64(row, "server"), name);
		json_object_set_new(row, "name", out_str(name));
	}
	control_close(&c);
	return code;
}

static int show_all(struct mailview *v, const struct ctl_options *o)
{
	json_t *summary = NULL, *usage = NULL;
	int code = queueview_summary(v, &summary);

	if (!code)
		code = name_servers(json_object_get(summary, "servers"));
	if (!code)
		usage = queue_usage(o, 0, &code);
	if (usage) {
		bool paused = out_get_u64(usage, "paused") != 0;

		json_object_update(summary, usage);
		json_object_set_new(summary, "paused", json_boolean(paused));
	}
	if (!code && o->json)
		out_json(json_incref(summary));
	else if (!code)
		show_text(summary);
	json_decref(usage);
	json_decref(summary);
	return code;
}

/* The open copies of a message, or one copy. */
static int show_one(struct mailview *v, const char *text, const struct ctl_options *o)
{
	struct mailview_ref ref;
	json_t *rows = NULL;
	struct table t;
	int code = mailview_find(v, text, &ref);

	if (!code)
		code = queueview_of(v, &ref, &rows);
	if (!code && json_array_size(rows) == 0)
		code = ctl_fail(EX_NOINPUT,
				"%s has no open copies; `posthaste trace %s` shows how it ended",
				text, text);
	list_head(&t);
	if (!code)
		print_rows(o->json ? NULL : &t, rows);
	table_print(&t);
	json_decref(rows);
	return code;
}

int cmd_queue_show(int argc, char **argv, const struct ctl_options *o)
{
	const char *args[1];
	struct mailview *v = NULL;
	int code = ctl_args(argc, argv, o, NULL, 0, args, 0, 1);

	if (!code)
		code = ctl_claim(o);
	if (!code)
		v = mailview_open(&code);
	if (!code)
		code = args[0] ? show_one(v, args[0], o) : show_all(v, o);
	mailview_close(&v);
	return code;
}
