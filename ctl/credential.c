/*
 * credential.c - posthaste credential create|list|show|delete.
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
	const char *secret; /* create only; NULL: to be made */
};

static int begin(int argc, char **argv, const struct ctl_options *o, enum db_mode mode,
		 struct request *r)
{
	const char *args[2], *server = NULL;
	bool create = mode == DB_WRITE && strcmp(argv[1], "create") == 0;
	struct ctl_opt opts[] = {
		{"--server", CTL_VALUE, &server},
		{"--secret", CTL_VALUE, &r->secret},
	};
	int code;

	r->secret = NULL;
	code = ctl_args(argc, argv, o, opts, create ? 2 : 1, args, 2, 2);
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
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "id", out_uint(row->id), "type",
			 out_str(row->type), "name", out_str(row->name), "server",
			 out_str(row->server), "created", out_time(row->created));
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
	if (smtp) {
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

static int create(struct request *r, const struct ctl_options *o)
{
	uint8_t key[32], hash[CONTROL_HASH_SIZE];
	struct control_credential row;
	char made[SECRET_LENGTH + 1];
	const char *secret = r->secret ? r->secret : made;
	int err = key_load(key);

	if (err)
		return err;
	secret_make(made);
	control_secret_hash(key, span_str(secret), hash);
	sodium_memzero(key, sizeof(key));
	err = control_credential_create(r->c, span_str(r->server), r->type, r->name, hash);
	if (!err)
		err = control_credential_find(r->c, span_str(r->server), r->type, r->name, &row);
	if (err)
		return ctl_control_fail(r->c, err);
	credential_print(&row, secret, o);
	return 0;
}

int cmd_credential_create(int argc, char **argv, const struct ctl_options *o)
{
	struct request r = {0};
	int code = begin(argc, argv, o, DB_WRITE, &r);

	if (!code && r.secret)
		code = secret_check(r.secret);
	if (!code)
		code = create(&r, o);
	control_close(&r.c);
	return code;
}

int cmd_credential_show(int argc, char **argv, const struct ctl_options *o)
{
	struct control_credential row;
	struct request r = {0};
	int err, code = begin(argc, argv, o, DB_READ, &r);

	if (code)
		return code;
	err = control_credential_find(r.c, span_str(r.server), r.type, r.name, &row);
	if (err)
		code = ctl_control_fail(r.c, err);
	else
		credential_print(&row, NULL, o);
	control_close(&r.c);
	return code;
}

int cmd_credential_delete(int argc, char **argv, const struct ctl_options *o)
{
	struct request r = {0};
	int err, code = begin(argc, argv, o, DB_WRITE, &r);

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
	table_str(arg, created);
}

int cmd_credential_list(int argc, char **argv, const struct ctl_options *o)
{
	static const char *const heads[] = {"SERVER", "TYPE", "NAME", "CREATED"};
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
