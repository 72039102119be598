/*
 * domain.c - posthaste domain create|list|show|verify|delete.
 *
 * DKIM key pairs are made and kept by the signer; here are only their public halves.  Each key has
 * a selector of its own, so none is ever shared by two servers.
 */
#include "ctl/domain.h"

#include <sodium.h>
#include <stdio.h>

#include "common/ipc/ipc.h"

#include "ctl/output.h"

/* shared with domain_key.c */

int domain_begin(const char *name, const char *server, enum db_mode mode, struct domain_request *r)
{
	int code, err = domain_parse_utf8(span_str(name), &r->name);

	if (err)
		return ctl_fail(EX_DATAERR, "\"%s\" is not a domain: %s", name, addr_error(err));
	r->c = ctl_control(mode, &code);
	if (!r->c)
		return code;
	code = ctl_server(r->c, server, r->server);
	if (code)
		control_close(&r->c);
	return code;
}

void domain_selector_make(char out[SIGNKEY_SELECTOR_SIZE])
{
	snprintf(out, SIGNKEY_SELECTOR_SIZE, "ph");
	for (int i = 2; i < 8; i++)
		out[i] = (char)('a' + randombytes_uniform(26));
	out[8] = '\0';
}

static int keygen_answer(const struct domain *name, const struct ipc_msg *answer,
			 struct control_key_new *new, bool *made_out)
{
	if (answer->type != IPC_KEY)
		return ctl_fail(EX_PROTOCOL,
				"the signer answered %s to keygen; do both have the "
				"same version?",
				ipc_name(answer->type));
	if (answer->key.error.n)
		return ctl_fail(EX_CANTCREAT, "the signer made no key for %s: %.*s", name->s,
				SPAN_FMT(answer->key.error));
	new->public_key = answer->key.public_key;
	*made_out = answer->key.made;
	return 0;
}

int domain_key_ask(const struct ctl_options *o, const struct domain *name,
		   struct control_key_new *new, struct buf *packet, bool *made_out)
{
	struct ipc_msg request = {.type = IPC_KEYGEN}, answer;
	struct signkey key = {.domain = *name, .algorithm = new->algorithm};
	char text[SIGNKEY_TEXT_SIZE];
	int fd = -1, code;

	snprintf(key.selector, sizeof(key.selector), "%s", new->selector);
	signkey_text(&key, text);
	request.keygen.key = span_str(text);
	code = ctl_ask(o, IPC_DOOR_KEYS, "the signer", &request, packet, &answer, &fd);
	if (code)
		return code;
	fd_close(&fd);
	return keygen_answer(name, &answer, new, made_out);
}

int domain_keygen(const struct ctl_options *o, const struct domain *name,
		  struct control_key_new *new, struct buf *packet)
{
	bool made = true;
	int code = domain_key_ask(o, name, new, packet, &made);

	if (!made)
		return ctl_fail(EX_CANTCREAT,
				"the signer has a key of %s with the selector %s already, which "
				"is or was another one's; choose another selector",
				name->s, new->selector);
	return code;
}

json_t *domain_record_json(const struct record *r)
{
	return json_pack("{s:o, s:s, s:o, s:s}", "name", out_str(r->name), "type",
			 record_type_name(r), "value", out_str(r->value), "purpose",
			 record_purpose(r));
}

void domain_record_print(const struct record *r)
{
	printf("\n%s: %s\n  %s  %s  %s\n", record_purpose(r), record_why(r), r->name,
	       record_type_name(r), r->value);
}

/* what all but list begin with */

static int begin(int argc, char **argv, const struct ctl_options *o, enum db_mode mode,
		 struct domain_request *r)
{
	const char *args[1], *server = NULL;
	struct ctl_opt opts[] = {{"--server", CTL_VALUE, &server}};
	int code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), args, 1, 1);

	return code ? code : domain_begin(args[0], server, mode, r);
}

json_t *domain_json(const struct control_domain_row *row)
{
	return json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:b, s:b}", "id",
			 out_uint(row->id), "name", out_str(row->name.s), "server",
			 out_str(row->server), "verified", row->verified ? 1 : 0, "verified_at",
			 row->verified ? out_time(row->verified_at) : json_null(), "selector",
			 out_str(row->selector), "created", out_time(row->created), "token",
			 out_str(row->token), "checked_at",
			 row->checked ? out_time(row->checked_at) : json_null(), "dkim_published",
			 row->dkim_published ? 1 : 0, "return_path_ok",
			 row->return_path_ok ? 1 : 0);
}

static void print_json(const struct control_domain_row *row, const struct records *records)
{
	json_t *j = domain_json(row), *list = json_array();

	for (size_t i = 0; i < records->n; i++)
		json_array_append_new(list, domain_record_json(&records->at[i]));
	json_object_set_new(j, "records", list);
	out_json(j);
}

static const char *yes_no(bool v)
{
	return v ? "yes" : "no";
}

static void print_text(const struct control_domain_row *row, const struct records *records)
{
	char at[WALL_TEXT_SIZE];
	struct table t;

	table_init(&t, 2, NULL);
	table_str(&t, "domain");
	table_str(&t, row->name.s);
	table_str(&t, "server");
	table_str(&t, row->server);
	table_str(&t, "verified");
	wall_iso(row->verified_at, at);
	table_str(&t, row->verified ? at : "no: mail from it is refused");
	table_str(&t, "DKIM selector");
	table_str(&t, row->selector);
	table_str(&t, "DKIM published");
	table_str(&t, yes_no(row->dkim_published));
	table_str(&t, "return path");
	table_fmt(&t, "%s%s", row->return_path_ok ? "rp." : "the instance's",
		  row->return_path_ok ? row->name.s : "");
	table_str(&t, "DNS checked");
	wall_iso(row->checked_at, at);
	table_str(&t, row->checked ? at : "never");
	table_print(&t);
	printf("\nrecords to publish:\n");
	for (size_t i = 0; i < records->n; i++)
		domain_record_print(&records->at[i]);
}

static void add_key(const struct control_key *key, void *arg)
{
	records_add_key(arg, key);
}

int domain_records(const struct domain_request *r, struct control_domain_row *row,
		   struct records *records)
{
	struct conf *conf;
	int code = 0, err = control_domain_find(r->c, span_str(r->server), &r->name, row);

	records->n = 0;
	if (!err)
		err = control_key_each(r->c, span_str(r->server), &r->name, add_key, records);
	if (err)
		return ctl_control_fail(r->c, err);
	conf = ctl_conf(&code);
	if (!conf)
		return code;
	records_add_others(records, row, conf);
	conf_free(&conf);
	return 0;
}

int domain_show(const struct domain_request *r, const struct ctl_options *o)
{
	struct control_domain_row row;
	struct records records;
	int code = domain_records(r, &row, &records);

	if (code)
		return code;
	if (o->json)
		print_json(&row, &records);
	else
		print_text(&row, &records);
	return 0;
}

static int create(const struct domain_request *r, bool verified, const struct ctl_options *o)
{
	struct control_domain_row found;
	char selector[SIGNKEY_SELECTOR_SIZE];
	struct control_key_new key = {.selector = selector, .algorithm = SIGNKEY_RSA};
	struct buf packet;
	int err, code;

	err = control_domain_find(r->c, span_str(r->server), &r->name, &found);
	if (err == 0)
		return ctl_fail(EX_CANTCREAT, "server %s has the domain %s already", r->server,
				r->name.s);
	if (err != -ENOENT)
		return ctl_control_fail(r->c, err);
	domain_selector_make(selector);
	code = domain_keygen(o, &r->name, &key, &packet);
	if (!code) {
		err = control_domain_create(r->c, span_str(r->server), &r->name, verified, &key);
		code = err ? ctl_control_fail(r->c, err) : 0;
	}
	buf_done(&packet);
	return code;
}

int cmd_domain_create(int argc, char **argv, const struct ctl_options *o)
{
	struct domain_request r = {0};
	const char *args[1], *server = NULL;
	bool verified = false;
	struct ctl_opt opts[] = {
		{"--server", CTL_VALUE, &server},
		{"--verified", CTL_FLAG, &verified},
	};
	int code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), args, 1, 1);

	if (!code)
		code = domain_begin(args[0], server, DB_WRITE, &r);
	if (!code)
		code = create(&r, verified, o);
	if (!code)
		code = domain_show(&r, o);
	control_close(&r.c);
	return code;
}

int cmd_domain_show(int argc, char **argv, const struct ctl_options *o)
{
	struct domain_request r = {0};
	int code = begin(argc, argv, o, DB_READ, &r);

	if (!code)
		code = domain_show(&r, o);
	control_close(&r.c);
	return code;
}

int cmd_domain_verify(int argc, char **argv, const struct ctl_options *o)
{
	struct domain_request r = {0};
	int err, code = begin(argc, argv, o, DB_WRITE, &r);

	if (code)
		return code;
	err = control_domain_verify(r.c, span_str(r.server), &r.name);
	code = err ? ctl_control_fail(r.c, err) : domain_show(&r, o);
	control_close(&r.c);
	return code;
}

int cmd_domain_delete(int argc, char **argv, const struct ctl_options *o)
{
	struct domain_request r = {0};
	int err, code = begin(argc, argv, o, DB_WRITE, &r);

	if (code)
		return code;
	err = control_domain_delete(r.c, span_str(r.server), &r.name);
	code = err ? ctl_control_fail(r.c, err) : 0;
	if (!code && o->json)
		out_json(json_pack("{s:o, s:o}", "deleted", out_str(r.name.s), "server",
				   out_str(r.server)));
	else if (!code)
		printf("domain %s of server %s is deleted\n", r.name.s, r.server);
	control_close(&r.c);
	return code;
}

static void list_json(const struct control_domain_row *row, void *arg)
{
	(void)arg;
	out_json(domain_json(row));
}

static void list_row(const struct control_domain_row *row, void *arg)
{
	char created[WALL_TEXT_SIZE];

	wall_iso(row->created, created);
	table_str(arg, row->server);
	table_str(arg, row->name.s);
	table_str(arg, yes_no(row->verified));
	table_str(arg, yes_no(row->dkim_published));
	table_str(arg, yes_no(row->return_path_ok));
	table_str(arg, row->selector);
	table_str(arg, created);
}

int cmd_domain_list(int argc, char **argv, const struct ctl_options *o)
{
	static const char *const heads[] = {"SERVER",	   "NAME",     "VERIFIED", "DKIM",
					    "RETURN PATH", "SELECTOR", "CREATED"};
	const char *server = NULL;
	struct ctl_opt opts[] = {{"--server", CTL_VALUE, &server}};
	int err, code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), NULL, 0, 0);
	struct control *c = code ? NULL : ctl_control(DB_READ, &code);
	struct table t;

	if (!c)
		return code;
	table_init(&t, ARRAY_LEN(heads), heads);
	err = control_domain_each(c, span_str(server), o->json ? list_json : list_row, &t);
	code = err ? ctl_control_fail(c, err) : 0;
	table_print(&t);
	control_close(&c);
	return code;
}
