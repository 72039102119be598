/*
 * control_org.c - organisations and their servers, and which names they may have.
 */
#include <stdio.h>

#include "common/control/control_local.h"
#include "control_sql.h"

static const char *const reserved_orgs[] = {"new",   "edit", "remove", "delete", "destroy",
					    "admin", "mail", "org",    "server", NULL};
static const char *const reserved_servers[] = {"new",	 "all",	   "search",  "stats",	"edit",
					       "manage", "delete", "destroy", "remove", NULL};

static int name_check(struct control *c, struct span name, const char *what,
		      const char *const *reserved)
{
	bool good = name.n > 0 && name.n <= CONTROL_NAME_MAX;

	for (size_t i = 0; good && i < name.n; i++)
		good = ascii_digit(name.p[i]) || name.p[i] == '-' ||
		       (name.p[i] >= 'a' && name.p[i] <= 'z');
	if (!good)
		return control_fail(c, -EINVAL,
				    "\"%.*s\" cannot be the name of %s; use 1 to %d of a-z, 0-9 "
				    "and hyphen",
				    SPAN_FMT(name), what, CONTROL_NAME_MAX);
	for (; *reserved; reserved++)
		if (span_eq_str(name, *reserved))
			return control_fail(
				c, -EINVAL,
				"\"%s\" is reserved and cannot be the name of %s; choose "
				"another one",
				*reserved, what);
	return 0;
}

/* organisations */

static void suspension(struct control *c, size_t stmt, int since, int reason,
		       struct control_suspension *out)
{
	out->is = !db_get_is_null(c->d, stmt, since);
	out->by_org = false;
	out->since = control_time(c, stmt, since);
	control_column(c, stmt, reason, out->reason, sizeof(out->reason));
}

static void org_row(struct control *c, size_t stmt, struct control_org *out)
{
	out->id = db_get_u64(c->d, stmt, 0);
	control_column(c, stmt, 1, out->name, sizeof(out->name));
	out->created = control_time(c, stmt, 2);
	out->servers = db_get_u64(c->d, stmt, 3);
	suspension(c, stmt, 4, 5, &out->suspension);
}

static int org_once(struct control *c, struct span name, struct control_org *out)
{
	db_text(c->d, CONTROL_SQL_ORG_FIND, name);
	if (!db_step(c->d, CONTROL_SQL_ORG_FIND))
		return control_fail(c, -ENOENT,
				    "there is no organisation \"%.*s\"; `posthaste org list` shows "
				    "those there are",
				    SPAN_FMT(name));
	org_row(c, CONTROL_SQL_ORG_FIND, out);
	db_reset(c->d, CONTROL_SQL_ORG_FIND);
	return 0;
}

int control_org_find(struct control *c, struct span name, struct control_org *out)
{
	int err;

	do
		err = org_once(c, name, out);
	while (control_again(c));
	return control_read_end(c, err);
}

static int org_insert(struct control *c, struct span name)
{
	struct control_org org;

	if (org_once(c, name, &org) == 0)
		return control_fail(c, -EEXIST, "organisation \"%s\" exists already", org.name);
	db_text(c->d, CONTROL_SQL_ORG_INSERT, name);
	db_i64(c->d, CONTROL_SQL_ORG_INSERT, wall_now().ms);
	db_run(c->d, CONTROL_SQL_ORG_INSERT);
	return 0;
}

int control_org_create(struct control *c, struct span name)
{
	int err = name_check(c, name, "an organisation", reserved_orgs);

	if (err)
		return err;
	db_begin(c->d, true);
	return control_write_end(c, org_insert(c, name));
}

static int org_remove(struct control *c, struct span name)
{
	struct control_org org;
	int err = org_once(c, name, &org);

	if (err)
		return err;
	if (org.servers)
		return control_fail(
			c, -ENOTEMPTY,
			"organisation \"%s\" has %llu server%s; delete %s first: `posthaste "
			"server delete %s/NAME`",
			org.name, (unsigned long long)org.servers, org.servers == 1 ? "" : "s",
			org.servers == 1 ? "it" : "them", org.name);
	db_u64(c->d, CONTROL_SQL_ORG_DELETE, org.id);
	db_run(c->d, CONTROL_SQL_ORG_DELETE);
	return 0;
}

int control_org_delete(struct control *c, struct span name)
{
	db_begin(c->d, true);
	return control_write_end(c, org_remove(c, name));
}

static int org_suspend(struct control *c, struct span name, struct span reason)
{
	struct control_org org;
	int err = control_text_check(c, reason, 0, "a reason");

	if (!err)
		err = org_once(c, name, &org);
	if (err)
		return err;
	db_i64(c->d, CONTROL_SQL_ORG_SUSPEND, wall_now().ms);
	db_text(c->d, CONTROL_SQL_ORG_SUSPEND, reason);
	db_u64(c->d, CONTROL_SQL_ORG_SUSPEND, org.id);
	db_run(c->d, CONTROL_SQL_ORG_SUSPEND);
	return 0;
}

int control_org_suspend(struct control *c, struct span name, struct span reason)
{
	db_begin(c->d, true);
	return control_write_end(c, org_suspend(c, name, reason));
}

static int org_unsuspend(struct control *c, struct span name)
{
	struct control_org org;
	int err = org_once(c, name, &org);

	if (err)
		return err;
	db_u64(c->d, CONTROL_SQL_ORG_UNSUSPEND, org.id);
	db_run(c->d, CONTROL_SQL_ORG_UNSUSPEND);
	return 0;
}

int control_org_unsuspend(struct control *c, struct span name)
{
	db_begin(c->d, true);
	return control_write_end(c, org_unsuspend(c, name));
}

/* The rows are few (they are made by hand) and fn is ours, so a failed pass is not repeated. */
int control_org_each(struct control *c, void (*fn)(const struct control_org *, void *arg),
		     void *arg)
{
	struct control_org org;

	while (db_step(c->d, CONTROL_SQL_ORG_EACH)) {
		org_row(c, CONTROL_SQL_ORG_EACH, &org);
		fn(&org, arg);
	}
	return control_read_end(c, 0);
}

/* servers */

static void server_row(struct control *c, size_t stmt, struct control_server *out)
{
	out->id = db_get_u64(c->d, stmt, 0);
	control_column(c, stmt, 1, out->name, sizeof(out->name));
	out->created = control_time(c, stmt, 2);
	out->domains = db_get_u64(c->d, stmt, 3);
	out->credentials = db_get_u64(c->d, stmt, 4);
	out->settings = (struct control_settings){
		.development = db_get_u64(c->d, stmt, 5) != 0,
		.send_limit = db_get_u64(c->d, stmt, 6),
		.bytes_limit = db_get_u64(c->d, stmt, 7),
		.allow_sender = db_get_u64(c->d, stmt, 8) != 0,
		.privacy = db_get_u64(c->d, stmt, 9) != 0,
	};
	control_column(c, stmt, 13, out->settings.relay, sizeof(out->settings.relay));
	suspension(c, stmt, 10, 12, &out->suspension);
	out->suspension.by_org = out->suspension.is && db_get_u64(c->d, stmt, 11) != 0;
}

static int split(struct control *c, struct span full, struct span *org, struct span *server)
{
	*server = full;
	*org = span_cut(server, '/');
	if (org->n == full.n || org->n == 0 || server->n == 0)
		return control_fail(c, -EINVAL,
				    "\"%.*s\" does not name a server; write it as ORG/NAME",
				    SPAN_FMT(full));
	return 0;
}

int control_server_once(struct control *c, struct span name, struct control_server *out)
{
	struct span org, server;

	if (split(c, name, &org, &server) != 0)
		return -EINVAL;
	db_text(c->d, CONTROL_SQL_SERVER_FIND, org);
	db_text(c->d, CONTROL_SQL_SERVER_FIND, server);
	if (!db_step(c->d, CONTROL_SQL_SERVER_FIND))
		return control_fail(
			c, -ENOENT,
			"there is no server \"%.*s\"; `posthaste server list` shows those "
			"there are",
			SPAN_FMT(name));
	server_row(c, CONTROL_SQL_SERVER_FIND, out);
	db_reset(c->d, CONTROL_SQL_SERVER_FIND);
	return 0;
}

int control_server_id(struct control *c, struct span name, uint64_t *id_out)
{
	struct control_server s = {0};
	int err = name.n ? control_server_once(c, name, &s) : 0;

	if (!err)
		*id_out = s.id;
	return err;
}

int control_server_find(struct control *c, struct span name, struct control_server *out)
{
	int err;

	do
		err = control_server_once(c, name, out);
	while (control_again(c));
	return control_read_end(c, err);
}

static int server_insert(struct control *c, struct span name)
{
	struct control_server found;
	struct control_org org;
	struct span org_name, server;
	int err = split(c, name, &org_name, &server);

	if (!err)
		err = name_check(c, server, "a server", reserved_servers);
	if (!err)
		err = org_once(c, org_name, &org);
	if (err == -ENOENT)
		return control_fail(
			c, err,
			"there is no organisation \"%.*s\"; make it first: `posthaste org "
			"create %.*s`",
			SPAN_FMT(org_name), SPAN_FMT(org_name));
	if (!err && control_server_once(c, name, &found) == 0)
		return control_fail(c, -EEXIST, "server \"%s\" exists already", found.name);
	if (err)
		return err;
	db_u64(c->d, CONTROL_SQL_SERVER_INSERT, org.id);
	db_text(c->d, CONTROL_SQL_SERVER_INSERT, server);
	db_i64(c->d, CONTROL_SQL_SERVER_INSERT, wall_now().ms);
	db_run(c->d, CONTROL_SQL_SERVER_INSERT);
	return 0;
}

static void settings_write(struct control *c, uint64_t server, const struct control_settings *s)
{
	db_text(c->d, CONTROL_SQL_SERVER_SET, span_str(s->development ? "development" : "live"));
	db_u64(c->d, CONTROL_SQL_SERVER_SET, s->send_limit);
	db_u64(c->d, CONTROL_SQL_SERVER_SET, s->bytes_limit);
	db_u64(c->d, CONTROL_SQL_SERVER_SET, s->allow_sender);
	db_u64(c->d, CONTROL_SQL_SERVER_SET, s->privacy);
	db_text(c->d, CONTROL_SQL_SERVER_SET, span_str(s->relay));
	db_u64(c->d, CONTROL_SQL_SERVER_SET, server);
	db_run(c->d, CONTROL_SQL_SERVER_SET);
}

int control_server_create_with(struct control *c, struct span name,
			       const struct control_settings *settings)
{
	int err;

	db_begin(c->d, true);
	err = server_insert(c, name);
	if (!err && !db_error(c->d))
		settings_write(c, db_last_id(c->d), settings);
	return control_write_end(c, err);
}

int control_server_create(struct control *c, struct span name)
{
	return control_server_create_with(c, name, &(struct control_settings){.send_limit = 0});
}

static int server_set(struct control *c, struct span name, const struct control_settings *to,
		      unsigned which)
{
	struct control_server s;
	int err = control_server_once(c, name, &s);

	if (err)
		return err;
	if (which & CONTROL_SET_DEVELOPMENT)
		s.settings.development = to->development;
	if (which & CONTROL_SET_SEND_LIMIT)
		s.settings.send_limit = to->send_limit;
	if (which & CONTROL_SET_BYTES_LIMIT)
		s.settings.bytes_limit = to->bytes_limit;
	if (which & CONTROL_SET_ALLOW_SENDER)
		s.settings.allow_sender = to->allow_sender;
	if (which & CONTROL_SET_PRIVACY)
		s.settings.privacy = to->privacy;
	if (which & CONTROL_SET_RELAY)
		memcpy(s.settings.relay, to->relay, sizeof(s.settings.relay));
	settings_write(c, s.id, &s.settings);
	return 0;
}

int control_server_set(struct control *c, struct span name, const struct control_settings *to,
		       unsigned which)
{
	db_begin(c->d, true);
	return control_write_end(c, server_set(c, name, to, which));
}

static int server_suspend(struct control *c, struct span name, struct span reason)
{
	struct control_server s;
	int err = control_text_check(c, reason, 0, "a reason");

	if (!err)
		err = control_server_once(c, name, &s);
	if (err)
		return err;
	db_i64(c->d, CONTROL_SQL_SERVER_SUSPEND, wall_now().ms);
	db_text(c->d, CONTROL_SQL_SERVER_SUSPEND, reason);
	db_u64(c->d, CONTROL_SQL_SERVER_SUSPEND, s.id);
	db_run(c->d, CONTROL_SQL_SERVER_SUSPEND);
	return 0;
}

int control_server_suspend(struct control *c, struct span name, struct span reason)
{
	db_begin(c->d, true);
	return control_write_end(c, server_suspend(c, name, reason));
}

static int server_unsuspend(struct control *c, struct span name)
{
	struct control_server s;
	int err = control_server_once(c, name, &s);

	if (err)
		return err;
	db_u64(c->d, CONTROL_SQL_SERVER_UNSUSPEND, s.id);
	db_run(c->d, CONTROL_SQL_SERVER_UNSUSPEND);
	return 0;
}

int control_server_unsuspend(struct control *c, struct span name)
{
	db_begin(c->d, true);
	return control_write_end(c, server_unsuspend(c, name));
}

static int server_remove(struct control *c, struct span name)
{
	struct control_server s;
	int err = control_server_once(c, name, &s);

	if (err)
		return err;
	if (s.domains || s.credentials)
		return control_fail(c, -ENOTEMPTY,
				    "server \"%s\" has %llu domain%s and %llu credential%s; delete "
				    "them first: `posthaste domain delete`, `posthaste credential "
				    "delete`",
				    s.name, (unsigned long long)s.domains,
				    s.domains == 1 ? "" : "s", (unsigned long long)s.credentials,
				    s.credentials == 1 ? "" : "s");
	db_u64(c->d, CONTROL_SQL_SERVER_DELETE, s.id);
	db_run(c->d, CONTROL_SQL_SERVER_DELETE);
	return 0;
}

int control_server_delete(struct control *c, struct span name)
{
	db_begin(c->d, true);
	return control_write_end(c, server_remove(c, name));
}

int control_server_each(struct control *c, void (*fn)(const struct control_server *, void *arg),
			void *arg)
{
	struct control_server s;

	while (db_step(c->d, CONTROL_SQL_SERVER_EACH)) {
		server_row(c, CONTROL_SQL_SERVER_EACH, &s);
		fn(&s, arg);
	}
	return control_read_end(c, 0);
}
