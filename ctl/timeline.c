/*
 * timeline.c - events to lines.
 *
 * A copy's step is timed from its step before, its first one from the acceptance.
 */
#include "ctl/timeline.h"

#include <stdio.h>
#include <time.h>

#include "ctl/output.h"

enum { INDENT = 39 }; /* where the text behind time, duration and event begins */

/* When something last happened to a copy; copy 0: to the message. */
struct last {
	uint64_t copy;
	int64_t ms;
};
struct timeline {
	struct last *lasts;
	size_t n;
	struct span day; /* that the lines above are of */
	struct buf *out;
};

static bool digits(struct span s, size_t at, size_t n, int *out)
{
	uint64_t v;

	if (span_u64(span_head(span_from(s, at), n), 9999, &v) != 0)
		return false;
	*out = (int)v;
	return true;
}

int timeline_time(struct span iso, int64_t *ms_out)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
	struct tm tm = {0};
	int year, month, ms;

	if (iso.n != sizeof(form) - 1)
		return -EINVAL;
	for (size_t i = 0; i < iso.n; i++)
		if (form[i] == 'd' ? !ascii_digit(iso.p[i]) : iso.p[i] != (uint8_t)form[i])
			return -EINVAL;
	if (!digits(iso, 0, 4, &year) || !digits(iso, 5, 2, &month) ||
	    !digits(iso, 8, 2, &tm.tm_mday) || !digits(iso, 11, 2, &tm.tm_hour) ||
	    !digits(iso, 14, 2, &tm.tm_min) || !digits(iso, 17, 2, &tm.tm_sec) ||
	    !digits(iso, 20, 3, &ms))
		return -EINVAL;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	*ms_out = (int64_t)timegm(&tm) * 1000 + ms;
	return 0;
}

/* Time since the step before of this copy (its first one: of the message); notes the new one.
 * -1: there was none. */
static int64_t since(struct timeline *t, uint64_t copy, int64_t ms)
{
	struct last *own = NULL, *whole = NULL;
	int64_t before = -1;

	for (size_t i = 0; i < t->n; i++) {
		if (t->lasts[i].copy == copy)
			own = &t->lasts[i];
		if (t->lasts[i].copy == 0)
			whole = &t->lasts[i];
	}
	if (own || whole)
		before = ms - (own ? own : whole)->ms;
	if (!own) {
		own = &t->lasts[t->n++];
		own->copy = copy;
	}
	own->ms = ms;
	return before < 0 ? -1 : before;
}

static void pad(struct buf *out, size_t line_start, size_t column)
{
	do
		buf_byte(out, ' ');
	while (buf_ok(out) && out->n - line_start < column);
}

/* A line of its own for each new day. */
static void add_day(struct timeline *t, struct span day)
{
	if (span_eq(day, t->day))
		return;
	t->day = day;
	out_text(t->out, day);
	buf_byte(t->out, '\n');
}

static void add_head(struct timeline *t, const json_t *e)
{
	struct span at = out_get(e, "at");
	int64_t ms = 0, passed = -1;
	size_t start;

	add_day(t, span_head(at, 10));
	start = t->out->n;
	if (timeline_time(at, &ms) == 0)
		passed = since(t, out_get_u64(e, "copy"), ms);
	out_text(t->out, span_head(span_from(at, 11), 12));
	pad(t->out, start, 14);
	if (passed >= 0) {
		buf_byte(t->out, '+');
		out_duration(t->out, passed);
	}
	pad(t->out, start, INDENT - 11);
	out_text(t->out, out_get(e, "event"));
	pad(t->out, start, INDENT);
}

static void line(struct buf *out)
{
	buf_byte(out, '\n');
	pad(out, out->n, INDENT);
}

/* " (label value)" pieces, each only where there is a value */
static void add_text(struct buf *out, const json_t *e, const char *before, const char *key)
{
	struct span v = out_get(e, key);

	if (!v.n)
		return;
	buf_str(out, before);
	out_text(out, v);
}

static void add_uint(struct buf *out, const json_t *e, const char *before, const char *key)
{
	if (json_object_get(e, key))
		buf_fmt(out, "%s%llu", before, (unsigned long long)out_get_u64(e, key));
}

static void add_accepted(struct buf *out, const json_t *e)
{
	struct span from = out_get(e, "from");

	buf_str(out, "from ");
	out_text(out, from.n ? from : SPAN_LIT("<>"));
	buf_str(out, ", ");
	out_size(out, out_get_u64(e, "size"));
	buf_fmt(out, ", %llu cop%s", (unsigned long long)out_get_u64(e, "copies"),
		out_get_u64(e, "copies") == 1 ? "y" : "ies");
	if (out_get(e, "client").n || out_get(e, "helo").n) {
		line(out);
		add_text(out, e, "client ", "client");
		add_text(out, e, " ", "helo");
		add_text(out, e, ", ", "tls");
	}
}

static void add_parts(struct buf *out, const json_t *e)
{
	static const struct {
		const char *key, *name;
	} parts[] = {{"queue_ms", "queued"}, {"dns_ms", "dns"},	  {"connect_ms", "connect"},
		     {"tls_ms", "tls"},	     {"sign_ms", "sign"}, {"mail_ms", "mail"},
		     {"data_ms", "data"}};
	const char *sep = "";

	line(out);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		uint64_t ms = out_get_u64(e, parts[i].key);

		buf_fmt(out, "%s%s ", sep, parts[i].name);
		out_duration(out, (int64_t)ms);
		sep = ", ";
	}
	add_uint(out, e, ", sent ", "bytes");
	buf_str(out, " bytes");
}

static void add_attempt(struct buf *out, const json_t *e)
{
	/* the reply itself mostly begins with the status */
	struct span status = span_head(out_get(e, "text"), out_get(e, "status").n);
	bool spoke = out_get_u64(e, "code") != 0;

	add_uint(out, e, "attempt ", "attempt");
	buf_str(out, ": ");
	if (spoke)
		buf_fmt(out, "%llu ", (unsigned long long)out_get_u64(e, "code"));
	if (out_get(e, "status").n && !span_eq(status, out_get(e, "status"))) {
		out_text(out, out_get(e, "status"));
		buf_byte(out, ' ');
	}
	out_text(out, out_get(e, "text"));
	if (!span_eq_str(out_get(e, "event"), "delivered"))
		add_text(out, e, " (at ", "stage");
	if (!span_eq_str(out_get(e, "event"), "delivered") && out_get(e, "stage").n)
		buf_byte(out, ')');
	if (out_get(e, "host").n || out_get(e, "ip").n) {
		line(out);
		add_text(out, e, "by ", "host");
		add_text(out, e, " [", "ip");
		if (out_get(e, "ip").n)
			buf_byte(out, ']');
		add_uint(out, e, " port ", "port");
		add_text(out, e, ", ", "tls");
		add_text(out, e, ", ", "tls_note");
		add_text(out, e, ", DKIM ", "signed_by");
	}
	add_parts(out, e);
}

static void add_next(struct buf *out, const json_t *e)
{
	char text[WALL_TEXT_SIZE];

	if (json_is_true(json_object_get(e, "uncertain"))) {
		line(out);
		buf_str(out, "uncertain: the receiver may have it, the next attempt may make a "
			     "second copy");
	}
	if (out_get_u64(e, "next_at")) {
		wall_iso((struct wall){(int64_t)out_get_u64(e, "next_at")}, text);
		line(out);
		buf_fmt(out, "again at %s", text);
	}
}

static bool is_common(const char *key)
{
	static const char *const common[] = {"seq",  "at",	"event",     "message", "copy",
					     "rcpt", "next_at", "uncertain", "smtp"};

	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		if (strcmp(key, common[i]) == 0)
			return true;
	return false;
}

static void add_time(struct buf *out, uint64_t ms)
{
	char text[WALL_TEXT_SIZE];

	wall_iso((struct wall){(int64_t)ms}, text);
	buf_str(out, text);
}

static void add_value(struct buf *out, const json_t *e, const char *key)
{
	if (json_is_string(json_object_get(e, key)))
		out_text(out, out_get(e, key));
	else if (strcmp(key, "until") == 0 || strcmp(key, "since") == 0)
		add_time(out, out_get_u64(e, key));
	else
		buf_fmt(out, "%llu", (unsigned long long)out_get_u64(e, key));
}

/* Empty texts, and times that mean never, are not worth their place. */
static bool says_something(const json_t *v)
{
	return json_is_string(v) ? json_string_length(v) > 0 : json_integer_value(v) != 0;
}

/* What an event says, in words: each field of it with what stands before it. */
static const struct phrase {
	const char *event, *key, *before;
} phrases[] = {
	{"held", "reason", ""},
	{"held", "detail", ": "},
	{"held", "until", ", until "},
	{"released", "reason", "by "},
	{"suppressed", "reason", "is on the suppression list: "},
	{"suppressed", "since", ", since "},
	{"suppressed", "until", ", until "},
	{"delayed", "attempts", "not delivered yet, attempts made: "},
	{"delayed", "last", "; the last one: "},
	{"delayed", "until", "; is tried until "},
	{"expired", "attempts", "given up, attempts made: "},
	{"expired", "last", "; the last one: "},
	{"cancelled", "reason", ""},
	{"corrupt", "reason", ""},
	{"warning", "what", ""},
	{"warning", "detail", ": "},
	{"retried", "reason", ""},
};

static bool add_phrases(struct buf *out, const json_t *e)
{
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(phrases); i++) {
		const struct phrase *p = &phrases[i];

		if (!span_eq_str(out_get(e, "event"), p->event))
			continue;
		known = true;
		if (!says_something(json_object_get(e, p->key)))
			continue;
		buf_str(out, p->before);
		add_value(out, e, p->key);
	}
	return known;
}

/* An event without words: its own fields as they are called. */
static void add_fields(struct buf *out, json_t *e)
{
	const char *key, *sep = "";
	json_t *v;

	json_object_foreach(e, key, v)
	{
		if (is_common(key) || !says_something(v))
			continue;
		buf_fmt(out, "%s%s ", sep, key);
		add_value(out, e, key);
		sep = ", ";
	}
}

static void add_conversation(struct buf *out, const json_t *lines)
{
	size_t i;
	json_t *l;

	json_array_foreach(lines, i, l)
	{
		buf_str(out, "\n    ");
		out_text(out, span_str(json_string_value(l)));
	}
}

static void add_event(struct timeline *t, json_t *e)
{
	size_t empty = 0, end = 0;

	add_head(t, e);
	if (json_object_get(e, "copy")) {
		add_uint(t->out, e, "copy ", "copy");
		add_text(t->out, e, " to ", "rcpt");
		end = t->out->n;
		line(t->out);
		empty = t->out->n;
	}
	if (span_eq_str(out_get(e, "event"), "accepted"))
		add_accepted(t->out, e);
	else if (json_object_get(e, "stage"))
		add_attempt(t->out, e);
	else if (!add_phrases(t->out, e))
		add_fields(t->out, e);
	if (t->out->n == empty) /* it has no words: its copy is all */
		t->out->n = end;
	add_next(t->out, e);
	add_conversation(t->out, json_object_get(e, "smtp"));
	buf_byte(t->out, '\n');
}

void timeline_text(const json_t *events, size_t from, struct buf *out)
{
	size_t n = json_array_size(events);
	struct timeline t = {.out = out, .lasts = mem_alloc((n + 1) * sizeof(struct last))};

	for (size_t i = 0; i < n; i++) {
		if (i == from)
			buf_reset(out);
		add_event(&t, json_array_get(events, i));
	}
	if (from >= n)
		buf_reset(out);
	mem_free(t.lasts);
}
