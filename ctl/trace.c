/*
 * trace.c - posthaste trace ID: everything that happened to a message or to one copy.
 */
#include <sodium.h>
#include <stdio.h>
#include <time.h>

#include "ctl/ctl.h"
#include "ctl/events.h"
#include "ctl/mailview.h"
#include "ctl/output.h"
#include "ctl/timeline.h"

enum { WAIT_DEFAULT_S = 30, WAIT_MAX_S = 86400, WAIT_STEP_MS = 50 };
enum { TIMELINE_MAX = 64 * 1024 * 1024 };

/* Until all copies of the message are final; EX_TEMPFAIL past the time. */
static int wait_final(struct mailview *v, const struct mailview_ref *ref, uint64_t seconds)
{
	int64_t until = mono_now().ms + (int64_t)seconds * 1000;
	uint64_t open = 0;
	int code;

	while ((code = mailview_open_copies(v, ref, &open)) == 0 && open) {
		if (mono_now().ms >= until)
			return ctl_fail(EX_TEMPFAIL,
					"%llu cop%s of message %s %s not final after "
					"%llu s; look again later",
					(unsigned long long)open, open == 1 ? "y" : "ies", ref->id,
					open == 1 ? "is" : "are", (unsigned long long)seconds);
		nanosleep(&(struct timespec){.tv_nsec = WAIT_STEP_MS * 1000000L}, NULL);
	}
	return code;
}

static void print_text(const json_t *m, const struct mailview_ref *ref, const json_t *events)
{
	const json_t *copies = json_object_get(m, "copies");
	struct table t;
	struct buf b;

	table_init(&t, 2, NULL);
	table_str(&t, "message");
	table_str(&t, ref->id);
	table_str(&t, "accepted");
	table_cell(&t, out_get(m, "received"));
	for (size_t i = 0; i < json_array_size(copies); i++) {
		const json_t *c = json_array_get(copies, i);

		if (ref->copy && out_get_u64(c, "id") != ref->copy)
			continue;
		table_fmt(&t, "copy %llu", (unsigned long long)out_get_u64(c, "id"));
		table_fmt(&t, "%.*s to %.*s", SPAN_FMT(out_get(c, "state")),
			  SPAN_FMT(out_get(c, "recipient")));
	}
	table_print(&t);
	putchar('\n');
	buf_init(&b, TIMELINE_MAX);
	timeline_text(events, 0, &b);
	out_print(&b);
}

/* Those from number `from` of the list on. */
static void print_events(const json_t *events, size_t from, const struct ctl_options *o)
{
	struct buf b;

	for (size_t i = from; o->json && i < json_array_size(events); i++)
		out_json(json_incref(json_array_get(events, i)));
	if (o->json)
		return;
	buf_init(&b, TIMELINE_MAX);
	timeline_text(events, from, &b);
	out_print(&b);
}

static int show(struct mailview *v, const struct mailview_ref *ref, const struct ctl_options *o,
		bool smtp, size_t *shown)
{
	json_t *events = NULL, *m = NULL;
	int code = mailview_events(v, ref, smtp, &events);

	if (!code)
		code = mailview_message(v, ref->id, &m);
	if (!code && o->json)
		print_events(events, 0, o);
	else if (!code)
		print_text(m, ref, events);
	*shown = json_array_size(events);
	json_decref(m);
	json_decref(events);
	return code;
}

/* What comes behind the first `shown` events, until the message is finished. */
static int follow(struct mailview *v, const struct mailview_ref *ref, const struct ctl_options *o,
		  bool smtp, size_t shown)
{
	uint64_t open = 1;
	int code = 0;

	events_follow_begin();
	while (!code && open && events_follow_pause()) {
		json_t *events = NULL;

		code = mailview_open_copies(v, ref, &open);
		if (!code)
			code = mailview_events(v, ref, smtp, &events);
		if (!code && json_array_size(events) > shown)
			print_events(events, shown, o);
		shown = json_array_size(events);
		json_decref(events);
	}
	return code;
}

int cmd_trace(int argc, char **argv, const struct ctl_options *o)
{
	const char *args[1], *wait = NULL;
	bool follows = false, smtp = false;
	struct ctl_opt opts[] = {{"--wait", CTL_MAYBE, &wait},
				 {"--smtp", CTL_FLAG, &smtp},
				 {"-f", CTL_FLAG, &follows},
				 {"--follow", CTL_FLAG, &follows}};
	struct mailview *v = NULL;
	struct mailview_ref ref;
	uint64_t seconds = WAIT_DEFAULT_S;
	size_t shown = 0;
	int code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), args, 1, 1), late = 0;

	if (!code && wait && wait[0])
		code = ctl_number("--wait", wait, WAIT_MAX_S, &seconds);
	if (!code)
		code = ctl_claim(o);
	if (!code)
		v = mailview_open(&code);
	if (!code)
		code = mailview_find(v, args[0], &ref);
	if (!code && wait)
		late = wait_final(v, &ref, seconds);
	if (!code && (late == 0 || late == EX_TEMPFAIL))
		code = show(v, &ref, o, smtp, &shown);
	if (!code && follows)
		code = follow(v, &ref, o, smtp, shown);
	mailview_close(&v);
	return code ? code : late;
}
