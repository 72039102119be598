/*
 * org.c - posthaste org create|list|show|suspend|unsuspend|delete.
 */
#include <stdio.h>

#include "ctl/ctl.h"
#include "ctl/output.h"

static json_t *org_json(const struct control_org *org)
{
	const struct control_suspension *s = &org->suspension;

	return json_pack("{s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "id", out_uint(org->id), "name",
			 out_str(org->name), "created", out_time(org->created), "servers",
			 out_uint(org->servers), "suspended", s->is, "suspended_at",
			 s->is ? out_time(s->since) : json_null(), "suspend_reason",
			 out_str(s->reason));
}

static void org_print(const struct control_org *org, const struct ctl_options *o)
{
	char created[WALL_TEXT_SIZE];
	struct table t;

	if (o->json) {
		out_json(org_json(org));
		return;
	}
	wall_iso(org->created, created);
	table_init(&t, 2, NULL);
	table_str(&t, "organisation");
	table_str(&t, org->name);
	table_str(&t, "created");
	table_str(&t, created);
	table_str(&t, "servers");
	table_fmt(&t, "%llu", (unsigned long long)org->servers);
	table_str(&t, "suspended");
	ctl_suspension(&t, &org->suspension);
	table_print(&t);
}

/* One argument NAME and control.db, for all but list. */
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
	struct control_org org;
	int err = control_org_find(c, name, &org);

	if (err)
		return ctl_control_fail(c, err);
	org_print(&org, o);
	return 0;
}

int cmd_org_create(int argc, char **argv, const struct ctl_options *o)
{
	struct span name;
	int code, err;
	struct control *c = begin(argc, argv, o, DB_WRITE, &name, &code);

	if (!c)
		return code;
	err = control_org_create(c, name);
	code = err ? ctl_control_fail(c, err) : show(c, name, o);
	control_close(&c);
	return code;
}

int cmd_org_show(int argc, char **argv, const struct ctl_options *o)
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

int cmd_org_suspend(int argc, char **argv, const struct ctl_options *o)
{
	const char *args[1], *reason = NULL;
	struct ctl_opt opts[] = {{"--reason", CTL_VALUE, &reason}};
	int err, code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), args, 1, 1);
	struct control *c = code ? NULL : ctl_control(DB_WRITE, &code);

	if (!c)
		return code;
	err = control_org_suspend(c, span_str(args[0]), span_str(reason));
	code = err ? ctl_control_fail(c, err) : show(c, span_str(args[0]), o);
	control_close(&c);
	return code;
}

int cmd_org_unsuspend(int argc, char **argv, const struct ctl_options *o)
{
	struct span name;
	int code, err;
	struct control *c = begin(argc, argv, o, DB_WRITE, &name, &code);

	if (!c)
		return code;
	err = control_org_unsuspend(c, name);
	code = err ? ctl_control_fail(c, err) : show(c, name, o);
	control_close(&c);
	return code;
}

int cmd_org_delete(int argc, char **argv, const struct ctl_options *o)
{
	struct span name;
	int code, err;
	struct control *c = begin(argc, argv, o, DB_WRITE, &name, &code);

	if (!c)
		return code;
	err = control_org_delete(c, name);
	code = err ? ctl_control_fail(c, err) : 0;
	if (!code && o->json)
		out_json(json_pack("{s:o}", "deleted", out_string(name)));
	else if (!code)
		printf("organisation %.*s is deleted\n", SPAN_FMT(name));
	control_close(&c);
	return code;
}

static void list_json(const struct control_org *org, void *arg)
{
	(void)arg;
	out_json(org_json(org));
}

static void list_row(const struct control_org *org, void *arg)
{
	char created[WALL_TEXT_SIZE];

	wall_iso(org->created, created);
	table_str(arg, org->name);
	table_fmt(arg, "%llu", (unsigned long long)org->servers);
	table_str(arg, org->suspension.is ? "suspended" : "live");
	table_str(arg, created);
}

int cmd_org_list(int argc, char **argv, const struct ctl_options *o)
{
	static const char *const heads[] = {"NAME", "SERVERS", "STATE", "CREATED"};
	int err, code = ctl_args(argc, argv, o, NULL, 0, NULL, 0, 0);
	struct control *c = code ? NULL : ctl_control(DB_READ, &code);
	struct table t;

	if (!c)
		return code;
	table_init(&t, ARRAY_LEN(heads), heads);
	err = control_org_each(c, o->json ? list_json : list_row, &t);
	code = err ? ctl_control_fail(c, err) : 0;
	table_print(&t);
	control_close(&c);
	return code;
}
