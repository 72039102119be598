/*
 * queue.c - posthaste queue hold|release|retry|cancel|pause|resume: orders to queued.
 *
 * A copy, a message or a filter is one CHANGE, which is answered when it is on disk.
 */
#include "ctl/queue.h"

#include <stdio.h>

#include "common/mail/options.h"

#include "ctl/output.h"

/* choosing copies */

bool queue_choice_given(const struct queue_choice *c)
{
	return c->domain || c->rcpt || c->server || c->state || c->tag || c->older;
}

static int read_state(const char *text, unsigned *out)
{
	for (unsigned s = STATE_QUEUED; s <= STATE_HELD; s++)
		if (strcmp(text, state_name(s)) == 0) {
			*out = s;
			return 0;
		}
	return ctl_fail(EX_USAGE, "--state %s: an open copy is queued, deferred or held", text);
}

static int read_older(const char *text, uint64_t *out)
{
	int64_t ms;

	if (conf_duration(span_str(text), &ms) != 0)
		return ctl_fail(EX_USAGE, "--older-than %s: write a time like 90s, 2h or 3d", text);
	*out = (uint64_t)ms;
	return 0;
}

static int read_domain(const char *text, struct domain *out)
{
	int err = domain_parse_utf8(span_str(text), out);

	return err ? ctl_fail(EX_USAGE, "--domain %s: that is no domain: %s", text, addr_error(err))
		   : 0;
}

static int read_rcpt(const char *text, struct addr *out)
{
	int err = addr_parse(span_str(text), out);

	return err ? ctl_fail(EX_USAGE, "--rcpt %s: that is no address: %s", text, addr_error(err))
		   : 0;
}

static int read_tag(const char *text, struct span *out)
{
	*out = span_str(text);
	if (!out->n) /* an unset variable of a script must not choose every copy */
		return ctl_fail(EX_USAGE, "--tag: it is empty; name a tag, or leave --tag out");
	return out->n > OPTIONS_TAG_MAX
		       ? ctl_fail(EX_USAGE, "--tag: a tag has at most %d bytes", OPTIONS_TAG_MAX)
		       : 0;
}

int queue_filter(const struct queue_choice *c, struct queue_filter *out)
{
	int code = 0;

	*out = (struct queue_filter){.state = QUEUE_ANY_STATE};
	if (c->domain)
		code = read_domain(c->domain, &out->domain);
	if (!code && c->rcpt)
		code = read_rcpt(c->rcpt, &out->rcpt);
	if (!code && c->tag)
		code = read_tag(c->tag, &out->tag);
	if (!code && c->state)
		code = read_state(c->state, &out->state);
	if (!code && c->server)
		code = ctl_server_id(c->server, &out->server);
	if (!code && c->older)
		code = read_older(c->older, &out->older_ms);
	return code;
}

/* asking queued */

json_t *queue_usage(const struct ctl_options *o, uint64_t server, int *code_out)
{
	struct ipc_msg request = {.type = IPC_USAGE, .usage.server = server}, answer;
	json_t *usage = NULL;
	struct buf packet;
	int fd = -1;

	*code_out = ctl_ask(o, IPC_DOOR_ADMIN, "queued", &request, &packet, &answer, &fd);
	if (!*code_out && answer.type != IPC_USAGES)
		*code_out = ctl_fail(EX_PROTOCOL,
				     "queued answered %s; do both have the same "
				     "version?",
				     ipc_name(answer.type));
	if (!*code_out)
		usage = json_object();
	for (size_t i = 0; usage && i < answer.usages.lines.n; i++) {
		struct span value = ipc_spans_at(&answer.usages.lines, i);
		struct span name = span_cut(&value, ' ');
		char key[32];
		uint64_t n;

		if (span_cstr(name, key, sizeof(key)) == 0 && span_u64(value, INT64_MAX, &n) == 0)
			json_object_set_new(usage, key, out_uint(n));
	}
	fd_close(&fd);
	buf_done(&packet);
	return usage;
}

/* orders */

struct totals {
	uint64_t count, later;
};

static int ask_change(const struct ctl_options *o, const struct ipc_change *change,
		      struct totals *t)
{
	struct ipc_msg request = {.type = IPC_CHANGE, .change = *change};
	struct ipc_changed changed;
	int code = ctl_order(o, &request, -1, &changed);

	if (!code) {
		t->count += changed.count;
		t->later += changed.later;
	}
	return code;
}

static int find_all(const char **ids, size_t n, struct mailview_ref *refs)
{
	int code = 0;
	struct mailview *v = mailview_open(&code);

	for (size_t i = 0; !code && i < n; i++)
		code = mailview_find(v, ids[i], &refs[i]);
	mailview_close(&v);
	return code;
}

/* All are looked up before the first one is changed: one that is unknown changes nothing. */
static int change_ids(const struct ctl_options *o, struct ipc_change *change, const char **ids,
		      size_t n, struct totals *t)
{
	struct mailview_ref *refs = mem_alloc(n * sizeof(*refs));
	int code = find_all(ids, n, refs);

	change->state = QUEUE_ANY_STATE;
	for (size_t i = 0; !code && i < n; i++) {
		change->copy = refs[i].copy;
		change->id = refs[i].copy ? span_str("") : span_str(refs[i].id);
		code = ask_change(o, change, t);
	}
	mem_free(refs);
	return code;
}

static int change_filtered(const struct ctl_options *o, struct ipc_change *change,
			   const struct queue_choice *choice, struct totals *t)
{
	struct queue_filter f;
	int code = queue_filter(choice, &f);

	if (code)
		return code;
	change->state = (uint8_t)f.state;
	change->domain = domain_span(&f.domain);
	change->rcpt = addr_span(&f.rcpt);
	change->server = f.server;
	change->tag = f.tag;
	change->older_ms = f.older_ms;
	return ask_change(o, change, t);
}

static void print_totals(const char *action, const char *done, const struct totals *t, bool json)
{
	if (json) {
		out_json(json_pack("{s:s, s:o, s:o}", "action", action, "count", out_uint(t->count),
				   "later", out_uint(t->later)));
		return;
	}
	printf("%llu cop%s %s", (unsigned long long)t->count, t->count == 1 ? "y is" : "ies are",
	       done);
	if (t->later)
		printf("; %llu with a delivery worker, stopped if this attempt fails",
		       (unsigned long long)t->later);
	putchar('\n');
}

static int order(int argc, char **argv, const struct ctl_options *o, enum queue_action action,
		 const char *done)
{
	enum { IDS_MAX = 1000 };
	const char *ids[IDS_MAX], *reason = NULL;
	struct queue_choice choice = {NULL};
	struct ipc_change change = {.action = (uint8_t)action};
	struct totals t = {0};
	bool all = false;
	struct ctl_opt opts[] = {QUEUE_FILTER_OPTIONS(&choice),
				 {"--all", CTL_FLAG, &all},
				 {"--reason", CTL_VALUE, &reason}};
	int code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), ids, 0, IDS_MAX);
	size_t n = 0;

	while (!code && n < IDS_MAX && ids[n])
		n++;
	if (!code && n && (all || queue_choice_given(&choice)))
		code = ctl_fail(EX_USAGE, "name copies, or filters, not both");
	if (!code && !n && !all && !queue_choice_given(&choice))
		code = ctl_fail(EX_USAGE, "name copies (queue id, copy id or token) or filters; "
					  "--all means every open copy");
	if (!code && reason && strlen(reason) > 256)
		code = ctl_fail(EX_USAGE, "--reason: at most 256 bytes");
	change.reason = span_str(reason);
	if (!code)
		code = ctl_claim(o);
	if (!code)
		code = n ? change_ids(o, &change, ids, n, &t)
			 : change_filtered(o, &change, &choice, &t);
	if (!code)
		print_totals(argv[1], done, &t, o->json);
	return code;
}

int cmd_queue_hold(int argc, char **argv, const struct ctl_options *o)
{
	return order(argc, argv, o, QUEUE_HOLD, "held");
}

int cmd_queue_release(int argc, char **argv, const struct ctl_options *o)
{
	return order(argc, argv, o, QUEUE_RELEASE, "released");
}

int cmd_queue_retry(int argc, char **argv, const struct ctl_options *o)
{
	return order(argc, argv, o, QUEUE_RETRY, "due now");
}

int cmd_queue_cancel(int argc, char **argv, const struct ctl_options *o)
{
	return order(argc, argv, o, QUEUE_CANCEL, "cancelled");
}

static int set_pause(int argc, char **argv, const struct ctl_options *o, bool on)
{
	struct ipc_msg request = {.type = IPC_PAUSE, .pause.on = on};
	int code = ctl_args(argc, argv, o, NULL, 0, NULL, 0, 0);

	if (!code)
		code = ctl_order(o, &request, -1, NULL);
	if (!code && o->json)
		out_json(json_pack("{s:b}", "paused", on));
	else if (!code)
		puts(on ? "no delivery begins until `posthaste queue resume`; mail is accepted"
			: "deliveries begin again");
	return code;
}

int cmd_queue_pause(int argc, char **argv, const struct ctl_options *o)
{
	return set_pause(argc, argv, o, true);
}

int cmd_queue_resume(int argc, char **argv, const struct ctl_options *o)
{
	return set_pause(argc, argv, o, false);
}
