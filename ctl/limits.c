/*
 * limits.c - posthaste limits show: every limit by its name, its value, where that comes from, and,
 * where it is known, how much of it is used.
 */
#include <stdio.h>

#include "common/limits.h"

#include "ctl/ctl.h"
#include "ctl/output.h"
#include "ctl/queue.h"

struct listing {
	bool json;
	struct table table;
	const json_t *usage; /* of the instance; NULL: queued does not run */
};

static void add(struct listing *l, const char *name, const char *value, const char *from,
		const char *what, json_t *used)
{
	if (l->json) {
		out_json(json_pack("{s:s, s:s, s:s, s:s, s:o}", "name", name, "value", value,
				   "from", from, "what", what, "used", used ? used : json_null()));
		return;
	}
	table_str(&l->table, name);
	table_str(&l->table, value);
	if (used)
		table_fmt(&l->table, "%lld", (long long)json_integer_value(used));
	else
		table_str(&l->table, "");
	table_str(&l->table, from);
	json_decref(used);
}

/* The key limits something that queued counts. */
static json_t *used_of(const struct listing *l, const char *key)
{
	static const struct {
		const char *key, *counted;
	} counts[] = {{"queue.in_flight", "in_flight"}};

	for (size_t i = 0; l->usage && i < ARRAY_LEN(counts); i++)
		if (strcmp(key, counts[i].key) == 0)
			return out_uint(out_get_u64(l->usage, counts[i].counted));
	return NULL;
}

/* Numbers, sizes and times of these groups are limits. */
static void add_key(const char *key, const char *value, const char *default_value, const char *doc,
		    void *arg)
{
	static const char *const groups[] = {"smtpd.", "message.",   "spool.",
					     "queue.", "retention.", "deliver."};
	struct listing *l = arg;

	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		if (strncmp(key, groups[i], strlen(groups[i])) == 0 &&
		    ascii_digit((uint8_t)value[0]))
			add(l, key, value,
			    strcmp(value, default_value) == 0 ? "default" : "configuration", doc,
			    used_of(l, key));
}

static void add_fixed(struct listing *l)
{
	static const struct {
		const char *name, *what;
		unsigned value;
	} fixed[] = {
#define LIMIT(NAME, number, text) {#NAME, text, number},
		LIMITS(LIMIT)
#undef LIMIT
	};

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
		char name[32], value[16];

		snprintf(name, sizeof(name), "%s", fixed[i].name);
		ascii_lower_all((uint8_t *)name, strlen(name));
		snprintf(value, sizeof(value), "%u", fixed[i].value);
		add(l, name, value, "fixed", fixed[i].what, NULL);
	}
}

static int instance_limits(struct listing *l)
{
	int code = 0;
	struct conf *conf = ctl_conf(&code);

	if (!conf)
		return code;
	conf_each(conf, add_key, l);
	conf_free(&conf);
	add_fixed(l);
	return 0;
}

/* A server's own limits, and what it has used of them. */
static void add_server_limit(struct listing *l, const json_t *usage, const char *limit,
			     const char *used, const char *from, const char *what)
{
	uint64_t n = out_get_u64(usage, limit);
	char value[32] = "none";

	if (n)
		snprintf(value, sizeof(value), "%llu", (unsigned long long)n);
	add(l, limit, value, from, what, out_uint(out_get_u64(usage, used)));
}

static int find_server(const char *name, struct control_server *out)
{
	int code = 0;
	struct control *c = ctl_control(DB_READ, &code);
	int err = c ? control_server_find(c, span_str(name), out) : 0;

	if (err)
		code = ctl_control_fail(c, err);
	control_close(&c);
	return code;
}

static int server_limits(struct listing *l, const struct ctl_options *o, const char *name)
{
	struct control_server s;
	json_t *usage;
	int code = find_server(name, &s);

	if (code)
		return code;
	usage = queue_usage(o, s.id, &code);
	if (!usage)
		return code;
	add_server_limit(l, usage, "bytes_limit", "open_bytes",
			 s.settings.bytes_limit ? "server" : "queue.server_bytes",
			 "bytes of messages that are not finished; more: 452 4.3.1");
	add_server_limit(l, usage, "send_limit", "sent_hour",
			 s.settings.send_limit ? "server" : "default",
			 "copies in a rolling hour; more are held");
	json_decref(usage);
	return 0;
}

int cmd_limits_show(int argc, char **argv, const struct ctl_options *o)
{
	static const char *const heads[] = {"LIMIT", "VALUE", "USED", "FROM"};
	struct listing l = {.json = o->json};
	const char *server = NULL;
	struct ctl_opt opts[] = {{"--server", CTL_VALUE, &server}};
	int unused, code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), NULL, 0, 0);
	json_t *usage = NULL;

	if (code)
		return code;
	if (!l.json)
		table_init(&l.table, ARRAY_LEN(heads), heads);
	if (!server) {
		usage = queue_usage(NULL, 0, &unused);
		if (!usage)
			ctl_warn("queued does not answer: what is used of the limits is not known");
	}
	l.usage = usage;
	code = server ? server_limits(&l, o, server) : instance_limits(&l);
	json_decref(usage);
	if (!l.json)
		table_print(&l.table);
	return code;
}
