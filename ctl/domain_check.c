/*
 * domain_check.c - posthaste domain check: DNS, asked by the resolver's door, compared with what
 * the domain's owner should publish.
 *
 * What is found is stored only if every question was answered: a failure of DNS changes nothing.
 * Ownership that was proven once stays.
 */
#include <stdio.h>

#include "ctl/domain.h"

enum { FOUND_MAX = 65536 };

static const struct {
	bool skipped, needed;
	const char *different; /* what to do then */
} kinds[] = {
	[RECORD_DKIM] = {false, true, "replace the record: by this key our signatures look forged"},
	[RECORD_DKIM_NEW] = {false, false, "replace the record before this key is activated"},
	[RECORD_DKIM_RETIRED] = {.skipped = true},
	[RECORD_OWNERSHIP] = {false, true, "publish the wanted record; this one may stay"},
	[RECORD_RETURN_PATH] = {false, true,
				"make it the wanted CNAME, or give the name the MX records that "
				"the return path domain has"},
	[RECORD_DMARC] = {false, false, ""},
	[RECORD_SPF] = {false, false, "add the include to the record"},
	[RECORD_INSTANCE_MX] = {false, false, "let it name this host, or bounces go elsewhere"},
	[RECORD_INSTANCE_SPF] = {false, false, ""},
};

static const char *const states[] = {
	[RECORD_FINE] = "ok",
	[RECORD_MISSING] = "missing",
	[RECORD_DIFFERENT] = "different",
};

struct line {
	const struct record *record;
	enum record_state state;
	struct buf found;
	char to_do[256];
};
struct check {
	const struct ctl_options *o;
	struct control_domain_row row;
	struct records records;
	size_t n;
	struct line line[RECORDS_MAX];
};

/* asking */

enum { ANSWER_MAX = 64 };

/* The records of one name and type; none where there are none. */
struct answer {
	struct buf packet; /* what they point into; answer_done() */
	size_t n;
	struct span at[ANSWER_MAX];
};

static void answer_done(struct answer *a)
{
	buf_done(&a->packet);
}

static int answer_take(const struct ipc_msg *m, const char *name, struct answer *out)
{
	const struct ipc_spans *records = &m->answer.records;

	if (m->type != IPC_ANSWER)
		return ctl_fail(EX_PROTOCOL,
				"the resolver answered %s; do both have the same version?",
				ipc_name(m->type));
	if (m->answer.status == DNS_FAILED)
		return ctl_fail(EX_TEMPFAIL,
				"DNS gave no answer for %s: %.*s; nothing is changed, try again "
				"later",
				name, SPAN_FMT(m->answer.why));
	while (out->n < records->n && out->n < ANSWER_MAX) {
		out->at[out->n] = ipc_spans_at(records, out->n);
		out->n++;
	}
	return 0;
}

/* 0, or the exit code after having said why; answer_done() is due in any case. */
static int ask(const struct ctl_options *o, const char *name, enum dns_type type,
	       struct answer *out)
{
	struct ipc_msg request = {.type = IPC_RESOLVE}, answer;
	struct domain checked;
	int fd = -1, code;

	*out = (struct answer){.n = 0};
	if (domain_parse_dns(span_str(name), &checked) != 0)
		return 0; /* too long: there is no such name */
	request.resolve.name = span_str(name);
	request.resolve.type = (uint16_t)type;
	code = ctl_ask(o, IPC_DOOR_RESOLVE, "the resolver", &request, &out->packet, &answer, &fd);
	fd_close(&fd);
	return code ? code : answer_take(&answer, name, out);
}

/* Mail to rp.NAME goes where mail to the return path domain goes. */
static int ask_same_mx(struct check *c, struct line *line)
{
	struct span domain = span_str(line->record->value);
	struct answer here, there = {.n = 0};
	char name[RECORD_NAME_SIZE];
	int code;

	snprintf(name, sizeof(name), "%.*s", (int)domain.n - 1, line->record->value);
	code = ask(c->o, line->record->name, DNS_MX, &here);
	if (!code)
		code = ask(c->o, name, DNS_MX, &there);
	if (!code && record_same_mx(here.at, here.n, there.at, there.n, &line->found))
		line->state = RECORD_FINE;
	else if (here.n)
		line->state = RECORD_DIFFERENT;
	answer_done(&here);
	answer_done(&there);
	return code;
}

static int ask_one(struct check *c, const struct record *r)
{
	struct line *line = &c->line[c->n++];
	struct answer a;
	int code = ask(c->o, r->name, r->type, &a);

	line->record = r;
	buf_init(&line->found, FOUND_MAX);
	if (!code)
		line->state = record_judge(r, a.at, a.n, &line->found);
	if (!code && r->kind == RECORD_RETURN_PATH && line->state != RECORD_FINE)
		code = ask_same_mx(c, line);
	answer_done(&a);
	return code;
}

static int ask_all(struct check *c)
{
	int code = 0;

	for (size_t i = 0; i < c->records.n && !code; i++)
		if (!kinds[c->records.at[i].kind].skipped)
			code = ask_one(c, &c->records.at[i]);
	return code;
}

/* what follows */

static bool is_asked(const struct check *c, enum record_kind kind)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->line[i].record->kind == kind)
			return true;
	return false;
}

static bool is_fine(const struct check *c, enum record_kind kind)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->line[i].record->kind == kind && c->line[i].state == RECORD_FINE)
			return true;
	return false;
}

/* Our key in their DNS is as good a proof as the token.  No record is wanted where rp.NAME is the
 * instance's return path domain itself. */
static struct control_check found_of(const struct check *c)
{
	bool dkim = is_fine(c, RECORD_DKIM);

	return (struct control_check){
		.owned = is_fine(c, RECORD_OWNERSHIP) || dkim || is_fine(c, RECORD_DKIM_NEW),
		.dkim_published = dkim,
		.return_path_ok =
			is_fine(c, RECORD_RETURN_PATH) || !is_asked(c, RECORD_RETURN_PATH),
	};
}

/* Was it fine at the last check? */
static bool was_fine(const struct check *c, enum record_kind kind)
{
	return c->row.checked && ((kind == RECORD_DKIM && c->row.dkim_published) ||
				  (kind == RECORD_RETURN_PATH && c->row.return_path_ok));
}

static void advise(const struct check *c, bool owned, struct line *line)
{
	enum record_kind kind = line->record->kind;
	const char *to_do =
		line->state == RECORD_MISSING ? "publish the wanted record" : kinds[kind].different;

	line->to_do[0] = '\0';
	if (line->state == RECORD_FINE)
		return;
	if (kind == RECORD_OWNERSHIP && owned)
		to_do = "nothing: that the domain is yours has been proven";
	snprintf(line->to_do, sizeof(line->to_do), "%s%s",
		 was_fine(c, kind) ? "it was fine at the last check: " : "", to_do);
}

/* printing */

static void print_json(const struct check *c, bool needed_fine)
{
	json_t *j = domain_json(&c->row), *checks = json_array();

	for (size_t i = 0; i < c->n; i++) {
		const struct line *line = &c->line[i];
		json_t *one = domain_record_json(line->record);

		json_object_set_new(one, "state", json_string(states[line->state]));
		json_object_set_new(one, "needed", json_boolean(kinds[line->record->kind].needed));
		json_object_set_new(one, "found",
				    line->state == RECORD_MISSING
					    ? json_null()
					    : out_string(buf_span(&line->found)));
		json_object_set_new(one, "to_do", out_str(line->to_do));
		json_array_append_new(checks, one);
	}
	json_object_set_new(j, "checks", checks);
	json_object_set_new(j, "ok", json_boolean(needed_fine));
	out_json(j);
}

static void print_line(const struct line *line)
{
	const struct record *r = line->record;
	struct table t;

	printf("\n%s: %s%s\n", record_purpose(r), states[line->state],
	       kinds[r->kind].needed ? "" : " (advice)");
	table_init(&t, 2, NULL);
	table_str(&t, "  asked");
	table_fmt(&t, "%s %s", r->name, record_type_name(r));
	table_str(&t, "  there");
	if (line->state == RECORD_MISSING)
		table_str(&t, "nothing");
	else
		table_cell(&t, buf_span(&line->found));
	if (line->state != RECORD_FINE) {
		table_str(&t, "  wanted");
		table_str(&t, r->value);
		table_str(&t, "  to do");
		table_str(&t, line->to_do);
	}
	table_print(&t);
}

static void print_text(const struct check *c)
{
	printf("domain %s of server %s\n", c->row.name.s, c->row.server);
	for (size_t i = 0; i < c->n; i++)
		print_line(&c->line[i]);
}

/* Of several keys that sign one is enough; the domain's proof need not stay published. */
static int tell(struct check *c, const struct control_check *found)
{
	bool fine = c->row.verified && found->dkim_published && found->return_path_ok;

	if (c->o->json)
		print_json(c, fine);
	else
		print_text(c);
	return fine ? 0 : EX_DATAERR;
}

/* the command */

static int store(const struct domain_request *r, const struct control_check *found)
{
	int err = control_domain_checked(r->c, span_str(r->server), &r->name, found);

	return err ? ctl_control_fail(r->c, err) : 0;
}

static int look(const struct domain_request *r, struct check *c)
{
	struct control_check found;
	int err, code = domain_records(r, &c->row, &c->records);

	if (!code)
		code = ask_all(c);
	if (code)
		return code;
	found = found_of(c);
	for (size_t i = 0; i < c->n; i++)
		advise(c, c->row.verified || found.owned, &c->line[i]);
	code = store(r, &found);
	if (code)
		return code;
	err = control_domain_find(r->c, span_str(r->server), &r->name, &c->row);
	return err ? ctl_control_fail(r->c, err) : tell(c, &found);
}

static int check(const struct domain_request *r, const struct ctl_options *o)
{
	struct check *c = mem_alloc(sizeof(*c));
	int code;

	c->o = o;
	code = look(r, c);
	for (size_t i = 0; i < c->n; i++)
		buf_done(&c->line[i].found);
	mem_free(c);
	return code;
}

/* Without asking: for sandboxes and tests, whose domains are in no DNS. */
static int believe(const struct domain_request *r, const struct ctl_options *o)
{
	const struct control_check all = {true, true, true};
	int code = store(r, &all);

	return code ? code : domain_show(r, o);
}

int cmd_domain_check(int argc, char **argv, const struct ctl_options *o)
{
	const char *args[1], *server = NULL;
	bool verified = false;
	struct domain_request r = {0};
	struct ctl_opt opts[] = {
		{"--server", CTL_VALUE, &server},
		{"--verified", CTL_FLAG, &verified},
	};
	int code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), args, 1, 1);

	if (!code)
		code = domain_begin(args[0], server, DB_WRITE, &r);
	if (!code)
		code = verified ? believe(&r, o) : check(&r, o);
	control_close(&r.c);
	return code;
}
