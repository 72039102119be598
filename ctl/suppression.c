/*
 * suppression.c - posthaste suppression list|show|add|remove|export: the list of addresses that
 * get no mail.  It is read from mail.db and changed by queued; import is in suppression_import.c.
 */
#include "ctl/suppression.h"

#include <stdio.h>

#include "common/db/db.h"
#include "common/mail/date.h"
#include "mail_sql.h"

#include "ctl/mailview.h"
#include "ctl/output.h"

enum { PAGE = 500 };

static const char *const heads[] = {"ADDRESS", "SERVER", "REASON", "CREATED", "UNTIL"};

/* servers */

int suppression_server(const char *name, bool all, char label[CONTROL_LABEL_SIZE], uint64_t *out)
{
	int code = 0;
	struct control *c;

	*out = 0;
	snprintf(label, CONTROL_LABEL_SIZE, CTL_ALL_SERVERS);
	if (all && name)
		return ctl_fail(EX_USAGE, "--server and --all-servers: give one of them");
	if (all)
		return 0;
	c = ctl_control(DB_READ, &code);
	if (c)
		code = ctl_server(c, name, label);
	control_close(&c);
	return code ? code : ctl_server_id(label, out);
}

int suppression_until(const char *for_text, const char *until_text, uint64_t *out)
{
	struct wall until = {0};
	int64_t ms;

	*out = 0;
	if (for_text && until_text)
		return ctl_fail(EX_USAGE, "--for and --until: give one of them");
	if (for_text && (conf_duration(span_str(for_text), &ms) != 0 || ms == 0))
		return ctl_fail(EX_USAGE, "--for %s: write a time like 36h or 30d", for_text);
	if (for_text)
		until.ms = wall_now().ms + ms;
	if (until_text && date_rfc3339(span_str(until_text), &until) != 0)
		return ctl_fail(EX_USAGE, "--until %s: write a time like 2027-01-31T00:00:00Z",
				until_text);
	if (until_text && until.ms <= wall_now().ms)
		return ctl_fail(EX_USAGE, "--until %s: that is over already", until_text);
	*out = (uint64_t)until.ms;
	return 0;
}

/* reading */

/* What the command prints, and how. */
struct listing {
	struct mailview *v;
	struct control *c;
	uint64_t named_id; /* of name; looking names up for each entry takes too long */
	char name[CONTROL_LABEL_SIZE];
	int64_t server; /* -1: all */
	enum { AS_TABLE, AS_JSON, AS_CSV } form;
	struct table table;
	uint64_t left;
};

/* Entries come sorted by server. */
static const char *server_name(struct listing *l, uint64_t id)
{
	if (!l->name[0] || id != l->named_id)
		ctl_server_name(l->c, id, l->name);
	l->named_id = id;
	return l->name;
}

static json_t *row_json(struct listing *l, struct db *d, size_t S)
{
	int64_t until = db_get_i64(d, S, 4);
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "address", out_string(db_get_text(d, S, 1)),
			 "server", out_str(server_name(l, db_get_u64(d, S, 0))), "reason",
			 out_string(db_get_text(d, S, 2)), "created",
			 out_time((struct wall){db_get_i64(d, S, 3)}), "until",
			 until ? out_time((struct wall){until}) : json_null());
}

/* A page of entries behind (server, address); both move on.  NULL: it failed. */
static json_t *read_page(struct listing *l, uint64_t *server, char *address, size_t size)
{
	enum { S = MAIL_SQL_SUPPRESSIONS_AFTER };
	struct db *d = mailview_db(l->v);
	json_t *rows = NULL;
	char last[LIMIT_ADDR + 1];
	uint64_t last_server;

	do {
		json_decref(rows);
		rows = json_array();
		snprintf(last, sizeof(last), "%s", address);
		last_server = *server;
		db_u64(d, S, *server);
		db_text(d, S, span_str(address));
		db_i64(d, S, l->server);
		db_u64(d, S, PAGE);
		while (db_step(d, S)) {
			json_array_append_new(rows, row_json(l, d, S));
			last_server = db_get_u64(d, S, 0);
			if (span_cstr(db_get_text(d, S, 1), last, sizeof(last)) != 0)
				last[0] = '\0';
		}
	} while (mailview_again(l->v));
	*server = last_server;
	snprintf(address, size, "%s", last);
	return rows;
}

static void csv_cell(struct span s, const char *end)
{
	struct buf b;

	buf_init(&b, 4096);
	buf_byte(&b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			buf_byte(&b, '"');
		buf_byte(&b, s.p[i]);
	}
	buf_byte(&b, '"');
	buf_str(&b, end);
	out_print(&b);
}

static void print_row(struct listing *l, json_t *row)
{
	static const char *const keys[] = {"address", "server", "reason", "created", "until"};

	if (l->form == AS_JSON) {
		out_json(json_incref(row));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct span cell = out_get(row, keys[i]);

		if (l->form == AS_CSV)
			csv_cell(cell, i + 1 < ARRAY_LEN(keys) ? "," : "\r\n");
		else
			table_cell(&l->table, cell.n || i < 3 ? cell : SPAN_LIT("never"));
	}
}

static bool is_over(const json_t *row)
{
	struct wall until;

	return date_rfc3339(out_get(row, "until"), &until) == 0 && until.ms <= wall_now().ms;
}

static int print_list(struct listing *l, const char *after)
{
	char address[LIMIT_ADDR + 1];
	uint64_t server = l->server < 0 ? 0 : (uint64_t)l->server;
	size_t n = PAGE;

	snprintf(address, sizeof(address), "%s", after ? after : "");
	if (l->form == AS_TABLE)
		table_init(&l->table, ARRAY_LEN(heads), heads);
	if (l->form == AS_CSV)
		fputs("address,server,reason,created,until\r\n", stdout);
	while (n == PAGE && l->left && !ferror(stdout)) {
		json_t *rows = read_page(l, &server, address, sizeof(address));

		n = json_array_size(rows);
		for (size_t i = 0; i < n && l->left; i++)
			if (!is_over(json_array_get(rows, i))) {
				print_row(l, json_array_get(rows, i));
				l->left--;
			}
		if (l->form == AS_TABLE)
			table_flush(&l->table);
		json_decref(rows);
	}
	if (l->form == AS_TABLE)
		table_print(&l->table);
	return mailview_end(l->v, 0);
}

static int open_listing(struct listing *l, const char *server, bool all)
{
	char label[CONTROL_LABEL_SIZE];
	uint64_t id;
	int code = 0;

	l->server = -1;
	if (server || all) {
		code = suppression_server(server, all, label, &id);
		if (code)
			return code;
		l->server = (int64_t)id;
	}
	l->c = ctl_control(DB_READ, &code);
	if (l->c)
		l->v = mailview_open(&code);
	return code;
}

static void close_listing(struct listing *l)
{
	mailview_close(&l->v);
	control_close(&l->c);
}

int cmd_suppression_list(int argc, char **argv, const struct ctl_options *o)
{
	struct listing l = {.left = UINT64_MAX, .form = o->json ? AS_JSON : AS_TABLE};
	const char *server = NULL, *after = NULL, *limit = NULL;
	bool all = false, csv = false;
	struct ctl_opt opts[] = {{"--server", CTL_VALUE, &server},
				 {"--all-servers", CTL_FLAG, &all},
				 {"--after", CTL_VALUE, &after},
				 {"--limit", CTL_VALUE, &limit},
				 {"--csv", CTL_FLAG, &csv}};
	int code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), NULL, 0, 0);

	if (!code && after && !server && !all)
		code = ctl_fail(EX_USAGE, "--after goes with --server or --all-servers");
	if (!code && limit)
		code = ctl_number("--limit", limit, UINT32_MAX, &l.left);
	if (csv && !o->json)
		l.form = AS_CSV;
	if (!code)
		code = open_listing(&l, server, all);
	if (!code)
		code = print_list(&l, after);
	close_listing(&l);
	return code;
}

int cmd_suppression_export(int argc, char **argv, const struct ctl_options *o)
{
	struct listing l = {.left = UINT64_MAX, .form = AS_CSV};
	const char *server = NULL, *format = "csv";
	bool all = false;
	struct ctl_opt opts[] = {{"--server", CTL_VALUE, &server},
				 {"--all-servers", CTL_FLAG, &all},
				 {"--format", CTL_VALUE, &format}};
	int code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), NULL, 0, 0);

	if (!code && strcmp(format, "csv") != 0 && strcmp(format, "json") != 0)
		code = ctl_fail(EX_USAGE, "--format %s: it is csv or json", format);
	if (strcmp(format, "json") == 0 || o->json)
		l.form = AS_JSON;
	if (!code)
		code = open_listing(&l, server, all);
	if (!code)
		code = print_list(&l, NULL);
	close_listing(&l);
	return code;
}

static json_t *read_entries(struct listing *l, struct span address)
{
	enum { S = MAIL_SQL_SUPPRESSIONS_OF };
	struct db *d = mailview_db(l->v);
	json_t *rows = NULL;

	do {
		json_decref(rows);
		rows = json_array();
		db_text(d, S, address);
		while (db_step(d, S))
			json_array_append_new(rows, row_json(l, d, S));
	} while (mailview_again(l->v));
	return rows;
}

static int show(struct listing *l, const struct addr *a)
{
	char lower[LIMIT_ADDR + 1];
	json_t *rows;
	size_t n = 0;

	memcpy(lower, a->s, sizeof(lower));
	ascii_lower_all((uint8_t *)lower, a->n);
	rows = read_entries(l, span_str(lower));
	if (l->form == AS_TABLE)
		table_init(&l->table, ARRAY_LEN(heads), heads);
	for (size_t i = 0; i < json_array_size(rows); i++)
		if (!is_over(json_array_get(rows, i))) {
			print_row(l, json_array_get(rows, i));
			n++;
		}
	if (l->form == AS_TABLE)
		table_print(&l->table);
	json_decref(rows);
	if (n || db_error(mailview_db(l->v)))
		return mailview_end(l->v, 0);
	return ctl_fail(EX_NOINPUT, "%s is not on the suppression list", a->s);
}

int cmd_suppression_show(int argc, char **argv, const struct ctl_options *o)
{
	struct listing l = {.form = o->json ? AS_JSON : AS_TABLE};
	const char *args[1];
	struct addr a;
	int code = ctl_args(argc, argv, o, NULL, 0, args, 1, 1);

	if (!code && addr_parse(span_str(args[0]), &a) != 0)
		code = ctl_fail(EX_USAGE, "%s is no address", args[0]);
	if (!code)
		code = open_listing(&l, NULL, false);
	if (!code)
		code = show(&l, &a);
	close_listing(&l);
	return code;
}

/* changing */

static void print_change(const char *what, const char *address, const char *label, bool json)
{
	if (json)
		out_json(json_pack("{s:s, s:s, s:s}", what, address, "server", label, "list",
				   "suppression"));
	else
		printf("%s is %s the suppression list of %s\n", address,
		       strcmp(what, "added") == 0 ? "on" : "no longer on", label);
}

static int change(int argc, char **argv, const struct ctl_options *o, bool remove)
{
	const char *args[1], *server = NULL, *reason = NULL, *for_text = NULL, *until = NULL;
	struct ipc_msg request = {.type = IPC_SUPPRESS};
	char label[CONTROL_LABEL_SIZE];
	bool all = false;
	struct ctl_opt opts[] = {{"--server", CTL_VALUE, &server},
				 {"--all-servers", CTL_FLAG, &all},
				 {"--reason", CTL_VALUE, &reason},
				 {"--for", CTL_VALUE, &for_text},
				 {"--until", CTL_VALUE, &until}};
	struct ipc_changed changed = {.count = 0};
	struct addr a;
	int err, code = ctl_args(argc, argv, o, opts, remove ? 2 : ARRAY_LEN(opts), args, 1, 1);

	if (code)
		return code;
	err = addr_parse(span_str(args[0]), &a);
	if (err)
		return ctl_fail(EX_DATAERR, "%s is no address: %s", args[0], addr_error(err));
	if (reason && (strlen(reason) > 255 || span_has_ctl(span_str(reason))))
		return ctl_fail(EX_USAGE, "--reason: at most 255 bytes without control characters");
	code = suppression_until(for_text, until, &request.suppress.until_ms);
	if (!code)
		code = suppression_server(server, all, label, &request.suppress.server);
	request.suppress.remove = remove;
	request.suppress.address = addr_span(&a);
	request.suppress.reason = span_str(reason ? reason : "added by an operator");
	if (!code)
		code = ctl_order(o, &request, -1, &changed);
	if (!code && !changed.count)
		code = ctl_fail(EX_NOINPUT, "%s is not on the suppression list of %s", a.s, label);
	if (!code)
		print_change(remove ? "removed" : "added", a.s, label, o->json);
	return code;
}

int cmd_suppression_add(int argc, char **argv, const struct ctl_options *o)
{
	return change(argc, argv, o, false);
}

int cmd_suppression_remove(int argc, char **argv, const struct ctl_options *o)
{
	return change(argc, argv, o, true);
}
