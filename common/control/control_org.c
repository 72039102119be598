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

static void org_row(struct control *c, size_t stmt, struct control_org *out)
{
	out->id = db_get_u64(c->d, stmt, 0);
	control_column(c, stmt, 1, out->name, sizeof(out->name));
	out->created = control_time(c, stmt, 2);
	out->servers = db_get_u64(c->d, stmt, 3);
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

int control_server_create(struct control *c, struct span name)
{
	db_begin(c->d, true);
	return control_write_end(c, server_insert(c, name));
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
