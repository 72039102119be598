/*
 * server.c - posthaste server create|list|show|set|suspend|unsuspend|delete.
 */
#include <stdio.h>

#include "common/conf/conf_types.h"

#include "ctl/ctl.h"
#include "ctl/output.h"

/* settings */

enum { LIMIT_MAX = 1000000000 };

static int number_option(const char *name, const char *text, uint64_t *out)
{
	int code;

	if (strcmp(text, "none") == 0) {
		*out = 0;
		return 0;
	}
	code = ctl_number(name, text, LIMIT_MAX, out);
	if (!code && *out == 0)
		code = ctl_fail(EX_USAGE,
				"%s 0: a limit is 1 or more, or none; to stop all mail suspend the "
				"server",
				name);
	return code;
}

static int size_option(const char *name, const char *text, uint64_t *out)
{
	const struct conf_key key = {.name = name, .min = "1", .max = "1T"};
	struct conf_value value = {.n = 1, .word = {span_str(text)}};
	struct conf_error e;

	if (strcmp(text, "none") == 0) {
		*out = 0;
		return 0;
	}
	if (conf_type_size.parse(&key, &value, out, &e) != 0)
		return ctl_fail(EX_USAGE, "%s %s: %s; or none", name, text, e.text);
	return 0;
}

/* Options as they were given; NULL: not. */
struct settings_options {
	const char *mode, *send_limit, *bytes_limit, *allow_sender, *privacy, *relay;
};

static int mode_option(const char *text, bool *out)
{
	bool development = strcmp(text, "development") == 0;

	if (!development && strcmp(text, "live") != 0)
		return ctl_fail(EX_USAGE, "--mode %s: it is live or development", text);
	*out = development;
	return 0;
}

static int relay_option(const char *text, char out[CONF_HOSTPORT_SIZE])
{
	struct conf_hostport to = {.host = ""};
	const char *wrong =
		strcmp(text, "none") == 0 ? NULL : conf_hostport_read(span_str(text), &to);

	if (wrong)
		return ctl_fail(EX_USAGE, "--relay %s: %s; it is HOST:PORT, or none", text, wrong);
	conf_hostport_write(&to, out);
	return 0;
}

static int settings_read(const struct settings_options *in, struct control_settings *out,
			 unsigned *which)
{
	int code = 0;

	*which = (in->mode ? CONTROL_SET_DEVELOPMENT : 0U) |
		 (in->send_limit ? CONTROL_SET_SEND_LIMIT : 0U) |
		 (in->bytes_limit ? CONTROL_SET_BYTES_LIMIT : 0U) |
		 (in->allow_sender ? CONTROL_SET_ALLOW_SENDER : 0U) |
		 (in->privacy ? CONTROL_SET_PRIVACY : 0U) | (in->relay ? CONTROL_SET_RELAY : 0U);
	if (in->mode)
		code = mode_option(in->mode, &out->development);
	if (!code && in->send_limit)
		code = number_option("--send-limit", in->send_limit, &out->send_limit);
	if (!code && in->bytes_limit)
		code = size_option("--bytes-limit", in->bytes_limit, &out->bytes_limit);
	if (!code && in->allow_sender)
		code = ctl_yes_no("--allow-sender", in->allow_sender, &out->allow_sender);
	if (!code && in->privacy)
		code = ctl_yes_no("--privacy", in->privacy, &out->privacy);
	if (!code && in->relay)
		code = relay_option(in->relay, out->relay);
	return code;
}

/* showing */

static json_t *limit_json(uint64_t limit)
{
	return limit ? out_uint(limit) : json_null();
}

static void add_settings(json_t *j, const struct control_settings *s)
{
	json_object_set_new(j, "mode", out_str(s->development ? "development" : "live"));
	json_object_set_new(j, "send_limit", limit_json(s->send_limit));
	json_object_set_new(j, "bytes_limit", limit_json(s->bytes_limit));
	json_object_set_new(j, "allow_sender", json_boolean(s->allow_sender));
	json_object_set_new(j, "privacy", json_boolean(s->privacy));
	json_object_set_new(j, "relay", s->relay[0] ? out_str(s->relay) : json_null());
}

static json_t *suspended_by(const struct control_suspension *s)
{
	if (!s->is)
		return json_null();
	return out_str(s->by_org ? "org" : "server");
}

static json_t *server_json(const struct control_server *s)
{
	const struct control_suspension *sus = &s->suspension;
	json_t *j = json_pack("{s:o, s:o, s:o, s:o, s:o}", "id", out_uint(s->id), "name",
			      out_str(s->name), "created", out_time(s->created), "domains",
			      out_uint(s->domains), "credentials", out_uint(s->credentials));

	add_settings(j, &s->settings);
	json_object_set_new(j, "suspended", json_boolean(sus->is));
	json_object_set_new(j, "suspended_at", sus->is ? out_time(sus->since) : json_null());
	json_object_set_new(j, "suspended_by", suspended_by(sus));
	json_object_set_new(j, "suspend_reason", out_str(sus->reason));
	return j;
}

static void limit_cell(struct table *t, uint64_t limit, const char *unit)
{
	if (limit)
		table_fmt(t, "%llu %s", (unsigned long long)limit, unit);
	else
		table_str(t, "none");
}

static void table_settings(struct table *t, const struct control_settings *s)
{
	table_str(t, "mode");
	table_str(t, s->development ? "development" : "live");
	table_str(t, "send limit");
	limit_cell(t, s->send_limit, "an hour");
	table_str(t, "bytes limit");
	limit_cell(t, s->bytes_limit, "bytes");
	table_str(t, "allow sender");
	table_str(t, s->allow_sender ? "yes" : "no");
	table_str(t, "privacy");
	table_str(t, s->privacy ? "yes" : "no");
	table_str(t, "relay");
	table_str(t, s->relay[0] ? s->relay : "none");
}

void ctl_suspension(struct table *t, const struct control_suspension *s)
{
	char since[WALL_TEXT_SIZE];

	if (!s->is) {
		table_str(t, "no");
		return;
	}
	wall_iso(s->since, since);
	table_fmt(t, "since %s%s%s%s", since, s->by_org ? ", with its organisation" : "",
		  s->reason[0] ? ": " : "", s->reason);
}

static void server_print(const struct control_server *s, const struct ctl_options *o)
{
	char created[WALL_TEXT_SIZE];
	struct table t;

	if (o->json) {
		out_json(server_json(s));
		return;
	}
	wall_iso(s->created, created);
	table_init(&t, 2, NULL);
	table_str(&t, "server");
	table_str(&t, s->name);
	table_str(&t, "created");
	table_str(&t, created);
	table_str(&t, "domains");
	table_fmt(&t, "%llu", (unsigned long long)s->domains);
	table_str(&t, "credentials");
	table_fmt(&t, "%llu", (unsigned long long)s->credentials);
	table_settings(&t, &s->settings);
	table_str(&t, "suspended");
	ctl_suspension(&t, &s->suspension);
	table_print(&t);
}

/* One argument ORG/NAME and control.db, for all but list. */
static struct control *begin(int argc, char **argv, const struct ctl_options *o, enum db_mode mode,
			     struct span *name, int *code)
{
	const char *args[1];

	*code = ctl_args(argc, argv, o, NULL, 0, args, 1, 1);
	if (*code)
		return NULL;
	*name = span_str(args[0]);
	return ctl_control(mode, code);
}

static int show(struct control *c, struct span name, const struct ctl_options *o)
{
	struct control_server s;
	int err = control_server_find(c, name, &s);

	if (err)
		return ctl_control_fail(c, err);
	server_print(&s, o);
	return 0;
}

/* The server's name, the settings that are given, and control.db. */
static struct control *begin_settings(int argc, char **argv, const struct ctl_options *o,
				      struct span *name, struct control_settings *settings,
				      unsigned *which, int *code)
{
	struct settings_options in = {NULL};
	const char *args[1];
	struct ctl_opt opts[] = {
		{"--mode", CTL_VALUE, &in.mode},
		{"--send-limit", CTL_VALUE, &in.send_limit},
		{"--bytes-limit", CTL_VALUE, &in.bytes_limit},
		{"--allow-sender", CTL_VALUE, &in.allow_sender},
		{"--privacy", CTL_VALUE, &in.privacy},
		{"--relay", CTL_VALUE, &in.relay},
	};

	*code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), args, 1, 1);
	if (!*code)
		*code = settings_read(&in, settings, which);
	if (*code)
		return NULL;
	*name = span_str(args[0]);
	return ctl_control(DB_WRITE, code);
}

int cmd_server_create(int argc, char **argv, const struct ctl_options *o)
{
	struct control_settings settings = {.send_limit = 0};
	struct span name;
	unsigned which;
	int code, err;
	struct control *c = begin_settings(argc, argv, o, &name, &settings, &which, &code);

	if (!c)
		return code;
	err = control_server_create_with(c, name, &settings);
	code = err ? ctl_control_fail(c, err) : show(c, name, o);
	control_close(&c);
	return code;
}

int cmd_server_set(int argc, char **argv, const struct ctl_options *o)
{
	struct control_settings settings = {.send_limit = 0};
	struct span name;
	unsigned which = 0;
	int code, err;
	struct control *c = begin_settings(argc, argv, o, &name, &settings, &which, &code);

	if (!c)
		return code;
	err = which ? control_server_set(c, name, &settings, which) : 0;
	if (err)
		code = ctl_control_fail(c, err);
	else if (!which)
		code = ctl_fail(EX_USAGE, "nothing to set; usage: posthaste %s %s",
				o->command->words, o->command->synopsis);
	else
		code = show(c, name, o);
	control_close(&c);
	return code;
}

int cmd_server_suspend(int argc, char **argv, const struct ctl_options *o)
{
	const char *args[1], *reason = NULL;
	struct ctl_opt opts[] = {{"--reason", CTL_VALUE, &reason}};
	int err, code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), args, 1, 1);
	struct control *c = code ? NULL : ctl_control(DB_WRITE, &code);

	if (!c)
		return code;
	err = control_server_suspend(c, span_str(args[0]), span_str(reason));
	code = err ? ctl_control_fail(c, err) : show(c, span_str(args[0]), o);
	control_close(&c);
	return code;
}

int cmd_server_unsuspend(int argc, char **argv, const struct ctl_options *o)
{
	struct span name;
	int code, err;
	struct control *c = begin(argc, argv, o, DB_WRITE, &name, &code);

	if (!c)
		return code;
	err = control_server_unsuspend(c, name);
	code = err ? ctl_control_fail(c, err) : show(c, name, o);
	control_close(&c);
	return code;
}

int cmd_server_show(int argc, char **argv, const struct ctl_options *o)
{
	struct span name;
	int code;
	struct control *c = begin(argc, argv, o, DB_READ, &name, &code);

	if (!c)
		return code;
	code = show(c, name, o);
	control_close(&c);
	return code;
}

int cmd_server_delete(int argc, char **argv, const struct ctl_options *o)
{
	struct span name;
	int code, err;
	struct control *c = begin(argc, argv, o, DB_WRITE, &name, &code);

	if (!c)
		return code;
	err = control_server_delete(c, name);
	code = err ? ctl_control_fail(c, err) : 0;
	if (!code && o->json)
		out_json(json_pack("{s:o}", "deleted", out_string(name)));
	else if (!code)
		printf("server %.*s is deleted\n", SPAN_FMT(name));
	control_close(&c);
	return code;
}

static void list_json(const struct control_server *s, void *arg)
{
	(void)arg;
	out_json(server_json(s));
}

static const char *state_word(const struct control_server *s)
{
	if (s->suspension.is)
		return "suspended";
	return s->settings.development ? "development" : "live";
}

static void list_row(const struct control_server *s, void *arg)
{
	char created[WALL_TEXT_SIZE];

	wall_iso(s->created, created);
	table_str(arg, s->name);
	table_fmt(arg, "%llu", (unsigned long long)s->domains);
	table_fmt(arg, "%llu", (unsigned long long)s->credentials);
	table_str(arg, state_word(s));
	table_str(arg, created);
}

int cmd_server_list(int argc, char **argv, const struct ctl_options *o)
{
	static const char *const heads[] = {"NAME", "DOMAINS", "CREDENTIALS", "STATE", "CREATED"};
	int err, code = ctl_args(argc, argv, o, NULL, 0, NULL, 0, 0);
	struct control *c = code ? NULL : ctl_control(DB_READ, &code);
	struct table t;

	if (!c)
		return code;
	table_init(&t, ARRAY_LEN(heads), heads);
	err = control_server_each(c, o->json ? list_json : list_row, &t);
	code = err ? ctl_control_fail(c, err) : 0;
	table_print(&t);
	control_close(&c);
	return code;
}
