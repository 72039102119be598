/*
 * control_keys.c - the DKIM keys of domains: rotation by overlap.
 *
 *	new -> active <-> retired	; each may be removed but the last active one
 *
 * A domain has at most one active key of each algorithm, and at least one: it is made with its
 * first.  All of them sign.
 */
#include <stdio.h>

#include "common/control/control_local.h"
#include "control_sql.h"

static const char *const states[] = {
	[CONTROL_KEY_NEW] = "new",
	[CONTROL_KEY_ACTIVE] = "active",
	[CONTROL_KEY_RETIRED] = "retired",
};

const char *control_key_state_name(enum control_key_state state)
{
	must((unsigned)state < ARRAY_LEN(states));
	return states[state];
}

/* reading */

static bool state_parse(struct span text, enum control_key_state *out)
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (span_eq_str(text, states[i])) {
			*out = (enum control_key_state)i;
			return true;
		}
	return false;
}

/* False: it is of a kind that this program does not know. */
static bool key_row(struct control *c, struct control_key *out)
{
	enum { S = CONTROL_SQL_KEY_EACH };
	struct span public_key;

	out->id = db_get_u64(c->d, S, 0);
	control_column(c, S, 1, out->server, sizeof(out->server));
	control_column(c, S, 3, out->key.selector, sizeof(out->key.selector));
	out->created = control_time(c, S, 6);
	public_key = db_get_text(c->d, S, 7);
	out->public_key_n = size_min(public_key.n, sizeof(out->public_key));
	if (out->public_key_n)
		memcpy(out->public_key, public_key.p, out->public_key_n);
	return domain_parse(db_get_text(c->d, S, 2), &out->key.domain) == 0 &&
	       signkey_algorithm(db_get_text(c->d, S, 4), &out->key.algorithm) == 0 &&
	       state_parse(db_get_text(c->d, S, 5), &out->state);
}

/* domain 0: of all */
static void each(struct control *c, uint64_t domain,
		 void (*fn)(const struct control_key *, void *arg), void *arg)
{
	struct control_key row;

	db_u64(c->d, CONTROL_SQL_KEY_EACH, domain);
	while (db_step(c->d, CONTROL_SQL_KEY_EACH))
		if (key_row(c, &row))
			fn(&row, arg);
}

int control_key_each(struct control *c, struct span server, const struct domain *name,
		     void (*fn)(const struct control_key *, void *arg), void *arg)
{
	struct control_domain_row domain = {.id = 0};
	int err = name ? control_domain_once(c, server, name, &domain) : 0;

	if (!err)
		each(c, domain.id, fn, arg);
	return control_read_end(c, err);
}

/* Looking for one among those of its domain. */
struct search {
	const char *selector;
	struct control_key *out;
	bool found;
	size_t n, active; /* of the domain, in all */
};

static void look(const struct control_key *k, void *arg)
{
	struct search *s = arg;

	s->n++;
	s->active += k->state == CONTROL_KEY_ACTIVE;
	if (strcmp(k->key.selector, s->selector) == 0) {
		s->found = true;
		*s->out = *k;
	}
}

/* The domain's number and, if it has it, the key of that selector. */
static int search(struct control *c, struct span server, const struct domain *name,
		  struct search *s, uint64_t *domain_out)
{
	struct control_domain_row domain;
	int err = control_domain_once(c, server, name, &domain);

	if (err)
		return err;
	each(c, domain.id, look, s);
	*domain_out = domain.id;
	return 0;
}

static int no_such_key(struct control *c, const struct domain *name, const char *selector)
{
	return control_fail(c, -ENOENT,
			    "%s has no key with the selector %s; `posthaste domain key list %s` "
			    "shows those there are",
			    name->s, selector, name->s);
}

/* changing */

void control_key_insert(struct control *c, uint64_t domain, const struct control_key_new *new,
			enum control_key_state state, struct wall created)
{
	enum { S = CONTROL_SQL_KEY_INSERT };

	must(new->public_key.n <= CONTROL_PUBLIC_KEY_MAX);
	db_u64(c->d, S, domain);
	db_text(c->d, S, span_str(new->selector));
	db_text(c->d, S, span_str(signkey_algorithm_name(new->algorithm)));
	db_blob(c->d, S, new->public_key);
	db_text(c->d, S, span_str(states[state]));
	db_i64(c->d, S, created.ms);
	db_run(c->d, S);
}

/* May a key of that selector be added?  Then the domain's number. */
static int allowed(struct control *c, struct span server, const struct domain *name,
		   const char *selector, uint64_t *domain_out)
{
	struct control_key found;
	struct search s = {.selector = selector, .out = &found};
	int err = search(c, server, name, &s, domain_out);

	if (err)
		return err;
	if (s.found)
		return control_fail(c, -EEXIST,
				    "%s has a key with the selector %s already; choose another one",
				    name->s, selector);
	if (s.n >= CONTROL_KEYS_MAX)
		return control_fail(c, -EEXIST,
				    "%s has %d keys, which is the most; remove one that is retired "
				    "(posthaste domain key remove %s SELECTOR)",
				    name->s, CONTROL_KEYS_MAX, name->s);
	return 0;
}

int control_key_allowed(struct control *c, struct span server, const struct domain *name,
			const char *selector)
{
	uint64_t domain;

	return control_read_end(c, allowed(c, server, name, selector, &domain));
}

int control_key_add(struct control *c, struct span server, const struct domain *name,
		    const struct control_key_new *new)
{
	uint64_t domain;
	int err;

	db_begin(c->d, true);
	err = allowed(c, server, name, new->selector, &domain);
	if (!err)
		control_key_insert(c, domain, new, CONTROL_KEY_NEW, wall_now());
	return control_write_end(c, err);
}

static int activate(struct control *c, struct span server, const struct domain *name,
		    const char *selector)
{
	struct control_key found;
	struct search s = {.selector = selector, .out = &found};
	uint64_t domain;
	int err = search(c, server, name, &s, &domain);

	if (err)
		return err;
	if (!s.found)
		return no_such_key(c, name, selector);
	db_u64(c->d, CONTROL_SQL_KEY_RETIRE, domain);
	db_text(c->d, CONTROL_SQL_KEY_RETIRE,
		span_str(signkey_algorithm_name(found.key.algorithm)));
	db_run(c->d, CONTROL_SQL_KEY_RETIRE);
	db_u64(c->d, CONTROL_SQL_KEY_ACTIVATE, found.id);
	db_run(c->d, CONTROL_SQL_KEY_ACTIVATE);
	return 0;
}

int control_key_activate(struct control *c, struct span server, const struct domain *name,
			 const char *selector)
{
	db_begin(c->d, true);
	return control_write_end(c, activate(c, server, name, selector));
}

static int remove_key(struct control *c, struct span server, const struct domain *name,
		      const char *selector)
{
	struct control_key found;
	struct search s = {.selector = selector, .out = &found};
	uint64_t domain;
	int err = search(c, server, name, &s, &domain);

	if (err)
		return err;
	if (!s.found)
		return no_such_key(c, name, selector);
	if (found.state == CONTROL_KEY_ACTIVE && s.active == 1)
		return control_fail(c, -EBUSY,
				    "%s is the only active key of %s; activate another one before "
				    "(posthaste domain key activate %s SELECTOR)",
				    selector, name->s, name->s);
	db_u64(c->d, CONTROL_SQL_KEY_DELETE, found.id);
	db_run(c->d, CONTROL_SQL_KEY_DELETE);
	return 0;
}

int control_key_remove(struct control *c, struct span server, const struct domain *name,
		       const char *selector)
{
	db_begin(c->d, true);
	return control_write_end(c, remove_key(c, server, name, selector));
}
