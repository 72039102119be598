/*
 * credential.c - posthaste credential create|list|show|set|delete.
 *
 * A secret is shown once, when it is made; only its keyed hash is stored.
 */
#include <sodium.h>
#include <stdio.h>

#include "common/proc.h"
#include "common/utf8.h"

#include "ctl/ctl.h"
#include "ctl/output.h"

enum { SECRET_LENGTH = 24, SECRET_MAX = 128 };

/* What all but list have: type, name, server; and control.db. */
struct request {
	struct control *c;
	struct span type, name;
	char server[CONTROL_LABEL_SIZE];
};

/* opts[0] is for --server. */
static int begin(int argc, char **argv, const struct ctl_options *o, enum db_mode mode,
		 struct ctl_opt *opts, size_t opt_count, struct request *r)
{
	const char *args[2], *server = NULL;
	int code;

	opts[0] = (struct ctl_opt){"--server", CTL_VALUE, &server};
	code = ctl_args(argc, argv, o, opts, opt_count, args, 2, 2);
	if (code)
		return code;
	r->type = span_str(args[0]);
	r->name = span_str(args[1]);
	r->c = ctl_control(mode, &code);
	if (!r->c)
		return code;
	code = ctl_server(r->c, server, r->server);
	if (code)
		control_close(&r->c);
	return code;
}

static json_t *credential_json(const struct control_credential *row)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o}", "id", out_uint(row->id),
			 "type", out_str(row->type), "name", out_str(row->name), "server",
			 out_str(row->server), "created", out_time(row->created), "hold", row->hold,
			 "cram_md5", row->cram, "network",
			 row->network[0] ? out_str(row->network) : json_null());
}

/* secret NULL: not shown. */
static void credential_print(const struct control_credential *row, const char *secret,
			     const struct ctl_options *o)
{
	bool smtp = strcmp(row->type, "smtp") == 0;
	char created[WALL_TEXT_SIZE];
	struct table t;

	if (o->json) {
		json_t *j = credential_json(row);

		if (smtp)
			json_object_set_new(j, "user", out_str(row->server));
		if (secret)
			json_object_set_new(j, "secret", out_str(secret));
		out_json(j);
		return;
	}
	wall_iso(row->created, created);
	table_init(&t, 2, NULL);
	table_str(&t, "credential");
	table_fmt(&t, "%s %s", row->type, row->name);
	table_str(&t, "server");
	table_str(&t, row->server);
	table_str(&t, "created");
	table_str(&t, created);
	table_str(&t, "hold");
	table_str(&t, row->hold ? "yes" : "no");
	if (row->network[0]) {
		table_str(&t, "network");
		table_str(&t, row->network);
	}
	if (smtp) {
		table_str(&t, "cram-md5");
		table_str(&t, row->cram ? "yes" : "no");
		table_str(&t, "user");
		table_str(&t, row->server);
	}
	if (secret) {
		table_str(&t, "secret");
		table_fmt(&t, "%s", secret);
	}
	table_print(&t);
}

static void secret_make(char out[SECRET_LENGTH + 1])
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

	for (int i = 0; i < SECRET_LENGTH; i++)
		out[i] = letters[randombytes_uniform(sizeof(letters) - 1)];
	out[SECRET_LENGTH] = '\0';
}

static int secret_check(const char *secret)
{
	struct span s = span_str(secret);

	if (s.n == 0 || s.n > SECRET_MAX || span_has_ctl(s) || !utf8_valid(s))
		return ctl_fail(EX_DATAERR,
				"--secret: a secret is 1 to %d bytes of UTF-8 without "
				"control characters; leave the option out to have one "
				"made",
				SECRET_MAX);
	return 0;
}

static int key_load(uint8_t key[32])
{
	static const char path[] = "secrets/httpd/" CONTROL_KEY_NAME;
	struct buf b;
	int err = file_read(path, 32, &b);

	if (err)
		return ctl_fail(EX_NOINPUT, "%s: %s; it is made by `posthaste sandbox start`", path,
				strerror(-err));
	if (b.n == 32)
		memcpy(key, b.p, 32);
	err = b.n == 32 ? 0
			: ctl_fail(EX_DATAERR,
				   "%s has %zu bytes instead of 32; restore it "
				   "from a backup",
				   path, b.n);
	sodium_memzero(b.p, b.n);
	buf_done(&b);
	return err;
}

/* Options of create, as they were given. */
struct create_options {
	const char *secret, *network;
	bool cram, hold;
};

/* Which options belong to which type. */
static int options_check(struct span type, const struct create_options *in)
{
	bool by_network = span_eq_str(type, "smtp-ip");

	if (by_network && !in->network)
		return ctl_fail(EX_USAGE, "smtp-ip needs --network CIDR: the addresses that may "
					  "submit, like 192.0.2.0/24");
	if (!by_network && in->network)
		return ctl_fail(EX_USAGE, "--network is for type smtp-ip only");
	if (by_network && in->secret)
		return ctl_fail(EX_USAGE, "--secret: type smtp-ip has none, the client's address "
					  "is what counts");
	if (in->cram && !span_eq_str(type, "smtp"))
		return ctl_fail(EX_USAGE, "--cram-md5 is for type smtp only");
	return in->secret ? secret_check(in->secret) : 0;
}

static int network_read(const char *text, struct conf_net *out)
{
	char right[CONF_NET_SIZE];
	int err = conf_net_read(span_str(text), out);

	if (err == -EDOM) {
		conf_net_write(out, right);
		return ctl_fail(EX_DATAERR,
				"--network %s: it is not written as a network; did you mean %s?",
				text, right);
	}
	if (err)
		return ctl_fail(EX_DATAERR,
				"--network %s: %s; write it like 192.0.2.0/24, 2001:db8::/32 or "
				"192.0.2.1",
				text, err == -ERANGE ? "no such prefix length" : "not a network");
	if (out->bits == 0)
		return ctl_fail(EX_DATAERR,
				"--network %s: everybody could submit; name the addresses that may",
				text);
	return 0;
}

static int create(struct request *r, const struct create_options *in, const struct ctl_options *o)
{
	struct control_credential_new new = {.server = span_str(r->server),
					     .type = r->type,
					     .name = r->name,
					     .hold = in->hold,
					     .cram = in->cram};
	struct control_credential row;
	struct conf_net network;
	char made[SECRET_LENGTH + 1];
	const char *secret = in->secret ? in->secret : made;
	uint8_t key[32];
	int err = in->network ? network_read(in->network, &network) : 0;

	if (!err)
		err = key_load(key);
	if (err)
		return err;
	secret_make(made);
	if (in->network)
		new.network = &network;
	else
		new.secret = span_str(secret);
	err = control_credential_add(r->c, key, &new);
	sodium_memzero(key, sizeof(key));
	if (!err)
		err = control_credential_find(r->c, new.server, r->type, r->name, &row);
	if (err)
		return ctl_control_fail(r->c, err);
	credential_print(&row, in->network ? NULL : secret, o);
	return 0;
}

int cmd_credential_create(int argc, char **argv, const struct ctl_options *o)
{
	struct create_options in = {NULL};
	struct ctl_opt opts[] = {
		{NULL, CTL_VALUE, NULL},
		{"--secret", CTL_VALUE, &in.secret},
		{"--network", CTL_VALUE, &in.network},
		{"--cram-md5", CTL_FLAG, &in.cram},
		{"--hold", CTL_FLAG, &in.hold},
	};
	struct request r = {0};
	int code = begin(argc, argv, o, DB_WRITE, opts, ARRAY_LEN(opts), &r);

	if (!code)
		code = options_check(r.type, &in);
	if (!code)
		code = create(&r, &in, o);
	control_close(&r.c);
	return code;
}

static int show(struct request *r, const struct ctl_options *o)
{
	struct control_credential row;
	int err = control_credential_find(r->c, span_str(r->server), r->type, r->name, &row);

	if (err)
		return ctl_control_fail(r->c, err);
	credential_print(&row, NULL, o);
	return 0;
}

int cmd_credential_show(int argc, char **argv, const struct ctl_options *o)
{
	struct ctl_opt opts[1];
	struct request r = {0};
	int code = begin(argc, argv, o, DB_READ, opts, ARRAY_LEN(opts), &r);

	if (!code)
		code = show(&r, o);
	control_close(&r.c);
	return code;
}

int cmd_credential_set(int argc, char **argv, const struct ctl_options *o)
{
	const char *hold = NULL;
	struct ctl_opt opts[] = {{NULL, CTL_VALUE, NULL}, {"--hold", CTL_VALUE, &hold}};
	struct request r = {0};
	bool yes = false;
	int code = begin(argc, argv, o, DB_WRITE, opts, ARRAY_LEN(opts), &r);

	if (!code)
		code = hold ? ctl_yes_no("--hold", hold, &yes)
			    : ctl_fail(EX_USAGE, "nothing to set; say --hold yes or --hold no");
	if (!code) {
		int err = control_credential_hold(r.c, span_str(r.server), r.type, r.name, yes);

		code = err ? ctl_control_fail(r.c, err) : show(&r, o);
	}
	control_close(&r.c);
	return code;
}

int cmd_credential_delete(int argc, char **argv, const struct ctl_options *o)
{
	struct ctl_opt opts[1];
	struct request r = {0};
	int err, code = begin(argc, argv, o, DB_WRITE, opts, ARRAY_LEN(opts), &r);

	if (code)
		return code;
	err = control_credential_delete(r.c, span_str(r.server), r.type, r.name);
	code = err ? ctl_control_fail(r.c, err) : 0;
	if (!code && o->json)
		out_json(json_pack("{s:o, s:o, s:o}", "deleted", out_string(r.name), "type",
				   out_string(r.type), "server", out_str(r.server)));
	else if (!code)
		printf("%.*s credential %.*s of server %s is deleted\n", SPAN_FMT(r.type),
		       SPAN_FMT(r.name), r.server);
	control_close(&r.c);
	return code;
}

static void list_json(const struct control_credential *row, void *arg)
{
	(void)arg;
	out_json(credential_json(row));
}

static void list_row(const struct control_credential *row, void *arg)
{
	char created[WALL_TEXT_SIZE];

	wall_iso(row->created, created);
	table_str(arg, row->server);
	table_str(arg, row->type);
	table_str(arg, row->name);
	table_str(arg, row->network[0] ? row->network : "-");
	table_str(arg, row->cram ? "yes" : "no");
	table_str(arg, row->hold ? "yes" : "no");
	table_str(arg, created);
}

int cmd_credential_list(int argc, char **argv, const struct ctl_options *o)
{
	static const char *const heads[] = {"SERVER",	"TYPE", "NAME",	  "NETWORK",
					    "CRAM-MD5", "HOLD", "CREATED"};
	const char *server = NULL;
	struct ctl_opt opts[] = {{"--server", CTL_VALUE, &server}};
	int err, code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), NULL, 0, 0);
	struct control *c = code ? NULL : ctl_control(DB_READ, &code);
	struct table t;

	if (!c)
		return code;
	table_init(&t, ARRAY_LEN(heads), heads);
	err = control_credential_each(c, span_str(server), o->json ? list_json : list_row, &t);
	code = err ? ctl_control_fail(c, err) : 0;
	table_print(&t);
	control_close(&c);
	return code;
}
