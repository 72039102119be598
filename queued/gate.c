/*
 * gate.c - the last look at a copy before an attempt: everything that may stop it.
 *
 * What control.db says of a server and a credential, and of a server's domain, is kept until
 * control.db changes, so that a thousand copies of one server cost one question; the suppression
 * list is asked for each.
 */
#include <stdio.h>

#include "common/log.h"
#include "queued/queued.h"
#include "queued/store.h"

enum { RETRY_MS = 1000, DOMAINS_MAX = 1000 };

/* A row of the kept answers. */
struct kept {
	struct hash_node by_key;
	uint64_t key[2]; /* server, credential */
	int err;	 /* 0, -ENOENT */
	struct control_gate gate;
};

/* The same for a domain that a server may send from. */
struct domain_key {
	uint64_t server;
	char name[LIMIT_DOMAIN + 1];
};

struct kept_domain {
	struct hash_node by_key;
	struct domain_key key;
	int err; /* 0, -ENOENT */
	struct control_domain facts;
	int sign_err; /* 0, -ENOENT */
	struct control_sign_list sign;
};

static struct {
	struct control *control;
	struct mono retry;  /* not before */
	struct mono looked; /* when the version was asked for last */
	uint64_t version;
	struct hash kept, domains;
} self;

static void drop_one(struct hash_node *node, void *arg)
{
	(void)arg;
	mem_free(container_of(node, struct kept, by_key));
}

static void drop_domain(struct hash_node *node, void *arg)
{
	(void)arg;
	mem_free(container_of(node, struct kept_domain, by_key));
}

static void drop_domains(void)
{
	hash_each(&self.domains, drop_domain, NULL);
	hash_done(&self.domains);
	self.domains = (struct hash){0};
}

static void drop_kept(void)
{
	hash_each(&self.kept, drop_one, NULL);
	hash_done(&self.kept);
	self.kept = (struct hash){0};
	drop_domains();
}

static void failed(void)
{
	LOG(LOG_ERROR, "control-unavailable", KS("reason", control_error(self.control)));
	control_close(&self.control);
	self.retry.ms = mono_now().ms + RETRY_MS;
}

bool gate_ready(void)
{
	char error[CONTROL_ERROR_SIZE];
	uint64_t version;

	if (!self.control && mono_now().ms >= self.retry.ms) {
		self.control = control_open(DB_READ, error, sizeof(error));
		if (!self.control) {
			LOG(LOG_ERROR, "control-unavailable", KS("reason", error));
			self.retry.ms = mono_now().ms + RETRY_MS;
		}
		drop_kept();
	}
	if (!self.control)
		return false;
	if (self.version && self.looked.ms == mono_now().ms)
		return true;
	version = control_version(self.control);
	if (!version || version != self.version)
		drop_kept();
	self.version = version;
	self.looked = mono_now();
	return true;
}

/* NULL: control.db cannot be read now. */
static const struct kept *ask(uint64_t server, uint64_t credential)
{
	uint64_t key[2] = {server, credential};
	struct hash_node *found = hash_find(&self.kept, span_of(key, sizeof(key)));
	struct kept *k;

	if (found)
		return container_of(found, struct kept, by_key);
	k = mem_alloc(sizeof(*k));
	memcpy(k->key, key, sizeof(key));
	k->err = control_gate(self.control, server, credential, &k->gate);
	if (k->err && k->err != -ENOENT) {
		failed();
		mem_free(k);
		return NULL;
	}
	hash_add(&self.kept, &k->by_key, span_of(k->key, sizeof(k->key)));
	return k;
}

static void note_limits(struct usage *u, const struct control_gate *g)
{
	u->send_limit = g->send_limit;
	u->bytes_limit = g->bytes_limit ? g->bytes_limit : conf->queue_server_bytes;
}

void gate_note_limits(struct usage *u)
{
	const struct kept *k = self.control ? ask(u->server, 0) : NULL;

	if (k && !k->err)
		note_limits(u, &k->gate);
}

static enum hold why_hold(const struct job *j, const struct control_gate *g)
{
	bool released = j->flags & JOB_RELEASED;

	if (g->suspended)
		return HOLD_SUSPENDED;
	if (g->credential_hold && !released)
		return HOLD_CREDENTIAL;
	if (g->development && !released)
		return HOLD_DEVELOPMENT;
	return HOLD_NONE;
}

/* False: the server has sent what it may; else the copy is counted, once. */
static bool within_send_limit(struct job *j)
{
	struct usage *u = j->message->usage;

	if (!u->send_limit || j->flags & JOB_COUNTED)
		return true;
	if (usage_sent(u, mono_now()) >= u->send_limit)
		return false;
	usage_count(u, mono_now());
	j->flags |= JOB_COUNTED;
	return true;
}

static enum gate look_at_list(struct job *j)
{
	struct suppression s;
	int err = suppress_find(j->message->usage->server, j->rcpt, &s);

	if (err == 0)
		results_suppress(j, &s);
	return err == 0 ? GATE_STOPPED : err == -ENOENT ? GATE_OPEN : GATE_UNKNOWN;
}

static void over_send_limit(struct job *j)
{
	struct usage *u = j->message->usage;

	if (j->state != STATE_HELD) {
		results_hold(j, HOLD_SEND_LIMIT, NULL);
		return;
	}
	jobs_unplan(j);
	j->due = usage_room_at(u, mono_now(), u->send_limit);
	jobs_schedule(j);
}

/* A held copy whose time has come: only a full send limit is looked at again. */
static bool hold_is_over(struct job *j)
{
	char reason[128];

	if (j->state != STATE_HELD || j->hold == HOLD_SEND_LIMIT)
		return false;
	snprintf(reason, sizeof(reason), "it was held for queue.hold_lifetime (reason: %s)",
		 hold_name(j->hold));
	results_cancel(j, reason);
	return true;
}

static enum gate look_at_limit(struct job *j)
{
	if (!within_send_limit(j))
		over_send_limit(j);
	else if (j->state == STATE_HELD)
		results_release(j, hold_name(j->hold));
	else
		return GATE_OPEN;
	return GATE_STOPPED;
}

static enum gate look_at_server(struct job *j, const struct kept *k)
{
	enum hold why;

	if (k->err) {
		results_hold(j, HOLD_SERVER_UNKNOWN, NULL);
		return GATE_STOPPED;
	}
	note_limits(j->message->usage, &k->gate);
	why = why_hold(j, &k->gate);
	if (why)
		results_hold(j, why, NULL);
	return why ? GATE_STOPPED : GATE_OPEN;
}

enum gate gate_look(struct job *j)
{
	const struct kept *k;
	enum gate gate;

	if (mono_now().ms >= j->message->expires.ms) {
		results_expire(j);
		return GATE_STOPPED;
	}
	if (hold_is_over(j))
		return GATE_STOPPED;
	k = ask(j->message->usage->server, j->message->credential);
	if (!k)
		return GATE_UNKNOWN;
	gate = look_at_server(j, k);
	if (gate == GATE_OPEN)
		gate = look_at_list(j);
	return gate == GATE_OPEN ? look_at_limit(j) : gate;
}

struct span gate_relay(const struct job *j)
{
	const struct kept *k = ask(j->message->usage->server, j->message->credential);

	must(k && !k->err); /* it is kept since gate_look() */
	return span_str(k->gate.relay);
}

/* NULL: control.db cannot be read now. */
static const struct kept_domain *ask_domain(uint64_t server, const struct domain *name)
{
	struct domain_key key = {.server = server};
	struct kept_domain *k;
	struct hash_node *found;

	memcpy(key.name, name->s, name->n);
	found = hash_find(&self.domains, span_of(&key, sizeof(key)));
	if (found)
		return container_of(found, struct kept_domain, by_key);
	if (self.domains.n >= DOMAINS_MAX)
		drop_domains();
	k = mem_alloc(sizeof(*k));
	k->key = key;
	k->err = control_domain(self.control, server, name, &k->facts);
	k->sign_err = control_sign_list(self.control, server, name, &k->sign);
	if ((k->err && k->err != -ENOENT) || (k->sign_err && k->sign_err != -ENOENT)) {
		failed();
		mem_free(k);
		return NULL;
	}
	hash_add(&self.domains, &k->by_key, span_of(&k->key, sizeof(k->key)));
	return k;
}

bool gate_domain(uint64_t server, const struct domain *name, struct control_domain *out)
{
	const struct kept_domain *k = NULL;

	if (name->n && gate_ready())
		k = ask_domain(server, name);
	if (!k || k->err)
		return false;
	*out = k->facts;
	return true;
}

/* deliver.dkim_domain signs beside the From domain or, where nobody could find that one's key,
 * instead of it. */
static void add_instance_key(struct control_sign_list *list)
{
	struct signkey key = {.domain = conf->deliver_dkim_domain, .algorithm = SIGNKEY_RSA};

	if (!key.domain.n)
		return;
	if (!list->published)
		list->n = 0;
	else if (strcmp(list->key[0].domain.s, key.domain.s) == 0)
		return;
	must(signkey_selector(span_str(conf->deliver_dkim_selector), key.selector) == 0);
	list->key[list->n++] = key;
}

enum gate gate_sign_list(struct job *j, struct control_sign_list *out)
{
	const struct kept_domain *k = NULL;
	struct domain from;

	if (domain_parse(span_str(j->message->domain), &from) == 0) {
		k = ask_domain(j->message->usage->server, &from);
		if (!k)
			return GATE_UNKNOWN;
	}
	if (k && !k->sign_err) {
		*out = k->sign;
		if (!conf->deliver_dkim)
			out->n = 0;
		else
			add_instance_key(out);
		return GATE_OPEN;
	}
	results_add_own(j, "queue", "4.7.0",
			"the From domain is no longer verified for this server: verify it again "
			"(posthaste domain create NAME --verified)",
			false);
	return GATE_STOPPED;
}
