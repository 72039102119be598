/*
 * message.c - posthaste message list|show|raw.
 *
 * queued first claims what was accepted until now, so that a list is complete; then mail.db is
 * read in pages.  The stored bytes come by descriptor from queued, who alone may open them.
 */
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "common/mail/state.h"

#include "ctl/ctl.h"
#include "ctl/mailview.h"
#include "ctl/output.h"

enum { CHUNK = 48 * 1024 }; /* divides by 3: base64 of the pieces is base64 of the whole */
enum { CHUNK_BASE64 = CHUNK / 3 * 4 };

/* a stored message */

struct stored {
	int fd; /* -1: its content is not kept any more */
	uint64_t offset, size;
};

static int fetch(const struct ctl_options *o, const char *id, struct stored *out)
{
	struct ipc_msg request = {.type = IPC_FETCH, .fetch.id = span_str(id)}, answer;
	struct buf packet;
	int code;

	*out = (struct stored){.fd = -1};
	code = ctl_ask(o, IPC_DOOR_ADMIN, "queued", &request, &packet, &answer, &out->fd);
	if (!code && answer.type == IPC_MESSAGE) {
		out->offset = answer.message.body_offset;
		out->size = answer.message.body_size;
	} else if (!code && (answer.type != IPC_DONE || answer.done.code != EX_NOINPUT)) {
		code = ctl_fail(answer.type == IPC_DONE && answer.done.code ? answer.done.code
									    : EX_PROTOCOL,
				"queued gave no content of %s: %.*s", id,
				answer.type == IPC_DONE ? (int)answer.done.text.n : 0,
				(const char *)answer.done.text.p);
	}
	buf_done(&packet);
	return code;
}

/* Calls put for each piece; CHUNK bytes but for the last one. */
static int pieces(const char *id, const struct stored *s, void (*put)(struct span piece))
{
	static uint8_t chunk[CHUNK];
	uint64_t done = 0;

	while (done < s->size) {
		size_t want = s->size - done < CHUNK ? (size_t)(s->size - done) : CHUNK, have = 0;

		while (have < want) {
			ssize_t n = pread(s->fd, chunk + have, want - have,
					  (off_t)(s->offset + done + have));
			if (n <= 0)
				return ctl_fail(EX_IOERR, "reading message %s: %s", id,
						n < 0 ? strerror(errno) : "its file is too short");
			have += (size_t)n;
		}
		put(span_of(chunk, have));
		done += have;
	}
	return 0;
}

static void put_bytes(struct span piece)
{
	fwrite(piece.p, 1, piece.n, stdout);
}

static void put_base64(struct span piece)
{
	static char text[CHUNK_BASE64 + 1];

	sodium_bin2base64(text, sizeof(text), piece.p, piece.n, sodium_base64_VARIANT_ORIGINAL);
	fputs(text, stdout);
}

/* list and show */

/* "2: 1 delivered, 1 deferred", or the one copy's recipient and state */
static void copies_text(const json_t *copies, struct buf *out)
{
	static const char *const states[] = {
#define STATE(NAME, number, text, final) text,
		STATES(STATE)
#undef STATE
	};
	size_t n = json_array_size(copies), counts[ARRAY_LEN(states)] = {0};
	const char *sep = "";

	if (n == 1) {
		const json_t *c = json_array_get(copies, 0);

		buf_fmt(out, "%.*s %.*s", SPAN_FMT(out_get(c, "state")),
			SPAN_FMT(out_get(c, "recipient")));
		return;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t s = 0; s < ARRAY_LEN(states); s++)
			counts[s] +=
				span_eq_str(out_get(json_array_get(copies, i), "state"), states[s]);
	buf_fmt(out, "%zu copies: ", n);
	for (size_t s = 0; s < ARRAY_LEN(states); s++)
		if (counts[s]) {
			buf_fmt(out, "%s%zu %s", sep, counts[s], states[s]);
			sep = ", ";
		}
}

static void print_line(const json_t *m)
{
	struct span from = out_get(m, "from");
	struct buf b;

	buf_init(&b, 65536);
	out_text(&b, out_get(m, "id"));
	buf_str(&b, "  ");
	out_text(&b, out_get(m, "received"));
	buf_str(&b, "  ");
	out_text(&b, from.n ? from : SPAN_LIT("<>"));
	buf_str(&b, "  ");
	copies_text(json_object_get(m, "copies"), &b);
	buf_byte(&b, '\n');
	out_print(&b);
}

/* With raw the object's last member is "data", written as it is read. */
static int print_json(const struct ctl_options *o, json_t *m, bool raw)
{
	const char *id = json_string_value(json_object_get(m, "id"));
	struct stored s = {.fd = -1};
	int code = raw ? fetch(o, id, &s) : 0;
	char *text;

	if (code)
		return code;
	if (raw && s.fd < 0)
		json_object_set_new(m, "data", json_null());
	text = json_dumps(m, JSON_COMPACT);
	must(text);
	if (s.fd >= 0) {
		printf("%.*s,\"data\":\"", (int)strlen(text) - 1, text);
		code = pieces(id, &s, put_base64);
		puts("\"}");
	} else {
		puts(text);
	}
	fd_close(&s.fd);
	free(text);
	return code;
}

struct list {
	const struct ctl_options *o;
	struct mailview *v;
	const char *after;
	uint64_t limit;
	bool raw;
};

static int list_page(const struct list *l, const struct qid *ids, size_t n)
{
	int code = 0;

	for (size_t i = 0; !code && i < n && !ferror(stdout); i++) {
		json_t *m = NULL;

		code = mailview_message(l->v, ids[i].s, &m);
		if (!code && l->o->json)
			code = print_json(l->o, m, l->raw);
		else if (!code)
			print_line(m);
		json_decref(m);
	}
	return code;
}

static int list(struct list *l)
{
	struct qid ids[MAILVIEW_PAGE], last = {""};
	struct mailview_ref ref;
	size_t n = 1;
	int code = l->after ? mailview_find(l->v, l->after, &ref) : 0;

	if (code)
		return code;
	if (l->after)
		memcpy(last.s, ref.id, sizeof(last.s));
	while (!code && n && l->limit && !ferror(stdout)) {
		code = mailview_page(l->v, last.s, l->limit, ids, &n);
		if (code || !n)
			break;
		code = list_page(l, ids, n);
		last = ids[n - 1];
		l->limit -= n;
	}
	return code;
}

int cmd_message_list(int argc, char **argv, const struct ctl_options *o)
{
	struct list l = {.o = o, .limit = UINT64_MAX};
	const char *limit = NULL;
	struct ctl_opt opts[] = {{"--raw", CTL_FLAG, &l.raw},
				 {"--after", CTL_VALUE, &l.after},
				 {"--limit", CTL_VALUE, &limit}};
	int code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), NULL, 0, 0);

	if (!code && l.raw && !o->json)
		code = ctl_fail(EX_USAGE,
				"--raw goes with --json; `posthaste message raw ID` writes "
				"one message as it is");
	if (!code && limit)
		code = ctl_number("--limit", limit, UINT32_MAX, &l.limit);
	if (!code)
		code = ctl_claim(o);
	if (!code)
		l.v = mailview_open(&code);
	if (!code)
		code = list(&l);
	mailview_close(&l.v);
	return code;
}

static void print_copy(struct table *t, const json_t *c)
{
	table_fmt(t, "%llu", (unsigned long long)out_get_u64(c, "id"));
	table_cell(t, out_get(c, "recipient"));
	table_cell(t, out_get(c, "state"));
	table_fmt(t, "%llu", (unsigned long long)out_get_u64(c, "attempts"));
	table_cell(t, out_get(c, "next_at"));
	table_cell(t, out_get(c, "last"));
}

static void print_text(const json_t *m)
{
	static const char *const heads[] = {"COPY",	"RECIPIENT", "STATE",
					    "ATTEMPTS", "NEXT",	     "LAST"};
	static const char *const keys[] = {"id", "from", "direction", "received"};
	const json_t *copies = json_object_get(m, "copies");
	struct table t;
	struct buf size;

	table_init(&t, 2, NULL);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		table_str(&t, i ? keys[i] : "message");
		table_cell(&t, out_get(m, keys[i]).n ? out_get(m, keys[i]) : SPAN_LIT("<>"));
	}
	buf_init(&size, 64);
	out_size(&size, out_get_u64(m, "size"));
	table_str(&t, "size");
	table_cell(&t, buf_span(&size));
	buf_done(&size);
	table_print(&t);
	putchar('\n');
	table_init(&t, ARRAY_LEN(heads), heads);
	for (size_t i = 0; i < json_array_size(copies); i++)
		print_copy(&t, json_array_get(copies, i));
	table_print(&t);
}

/* The message that the only argument names. */
static int begin(int argc, char **argv, const struct ctl_options *o, struct mailview **v,
		 struct mailview_ref *ref)
{
	const char *args[1];
	int code = ctl_args(argc, argv, o, NULL, 0, args, 1, 1);

	if (!code)
		code = ctl_claim(o);
	if (!code)
		*v = mailview_open(&code);
	if (!code)
		code = mailview_find(*v, args[0], ref);
	return code;
}

int cmd_message_show(int argc, char **argv, const struct ctl_options *o)
{
	struct mailview *v = NULL;
	struct mailview_ref ref;
	json_t *m = NULL;
	int code = begin(argc, argv, o, &v, &ref);

	if (!code)
		code = mailview_message(v, ref.id, &m);
	if (!code && o->json)
		code = print_json(o, m, false);
	else if (!code)
		print_text(m);
	json_decref(m);
	mailview_close(&v);
	return code;
}

int cmd_message_raw(int argc, char **argv, const struct ctl_options *o)
{
	struct mailview *v = NULL;
	struct mailview_ref ref;
	struct stored s = {.fd = -1};
	int code = begin(argc, argv, o, &v, &ref);

	if (!code && o->json)
		code = ctl_fail(EX_USAGE, "message raw writes the message as it is; for JSON: "
					  "`posthaste message list --json --raw`");
	if (!code)
		code = fetch(o, ref.id, &s);
	if (!code && s.fd < 0)
		code = ctl_fail(EX_NOINPUT,
				"the content of message %s is not kept any more (see "
				"retention.content)",
				ref.id);
	if (!code)
		code = pieces(ref.id, &s, put_bytes);
	fd_close(&s.fd);
	mailview_close(&v);
	return code;
}
