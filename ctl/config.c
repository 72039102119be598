/*
 * config.c - posthaste config check|show.
 */
#include <stdio.h>

#include "ctl/ctl.h"
#include "ctl/output.h"

int cmd_config_check(int argc, char **argv, const struct ctl_options *o)
{
	char error[CONF_ERROR_SIZE];
	struct conf *c = NULL;
	const char *args[1], *file;
	int code = ctl_args(argc, argv, o, NULL, 0, args, 0, 1);

	if (!code && !args[0])
		code = ctl_enter(o->dir ? o->dir : ctl_default_dir());
	if (code)
		return code;
	file = args[0] ? args[0] : "posthaste.conf";
	if (conf_load(file, &c, error) != 0)
		return ctl_fail(EX_CONFIG, "%s", error);
	conf_free(&c);
	if (o->json)
		out_json(json_pack("{s:o, s:b}", "file", out_str(file), "valid", 1));
	else
		printf("%s is valid\n", file);
	return 0;
}

static void show_json(const char *key, const char *value, const char *default_value,
		      const char *doc, void *arg)
{
	(void)arg;
	out_json(json_pack("{s:o, s:o, s:o, s:b, s:o}", "key", out_str(key), "value",
			   out_str(value), "default", out_str(default_value), "is_default",
			   strcmp(value, default_value) == 0, "doc", out_str(doc)));
}

static void show_row(const char *key, const char *value, const char *default_value, const char *doc,
		     void *arg)
{
	(void)doc;
	table_str(arg, key);
	table_fmt(arg, "= %s", value);
	table_str(arg, strcmp(value, default_value) == 0 ? "# default" : "");
}

int cmd_config_show(int argc, char **argv, const struct ctl_options *o)
{
	int code = ctl_args(argc, argv, o, NULL, 0, NULL, 0, 0);
	struct conf *c = code ? NULL : ctl_conf(&code);
	struct table t;

	if (!c)
		return code;
	table_init(&t, 3, NULL);
	conf_each(c, o->json ? show_json : show_row, &t);
	table_print(&t);
	conf_free(&c);
	return 0;
}
