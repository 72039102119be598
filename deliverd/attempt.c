/*
 * attempt.c - an attempt's life, its way through DNS and from address to address.
 */
#include "deliverd/attempt.h"

#include <sodium.h>
#include <stdio.h>

#include "common/file.h"
#include "common/log.h"
#include "deliverd/hosts.h"

enum { DNS_SLACK_MS = 5000, LOGINS_MAX = 65536 };

static void on_deadline(void *arg);

/* making */

static bool read_keys(struct attempt *a, const struct ipc_spans *sign)
{
	for (size_t i = 0; i < sign->n; i++) {
		struct span text = ipc_spans_at(sign, i);

		if (i == ATTEMPT_KEYS || signkey_parse(text, &a->key[i]) != 0 ||
		    span_cstr(text, a->key_text[i], sizeof(a->key_text[i])) != 0)
			return false;
		a->key_n = i + 1;
	}
	return true;
}

static bool read_deliver(struct attempt *a, const struct ipc_deliver *d)
{
	uint64_t end;

	if (d->sender.n && addr_parse(d->sender, &a->sender) != 0)
		return false;
	if (addr_parse(d->rcpt, &a->rcpt) != 0 || d->body_hash.n != CONTENT_HASH_SIZE)
		return false;
	if (add_overflows(d->body_offset, d->body_size, &end) || end > INT64_MAX)
		return false;
	if (d->relay.n && conf_hostport_read(d->relay, &a->relay) != NULL)
		return false;
	return read_keys(a, &d->sign);
}

struct attempt *attempt_new(const struct attempt_env *env, const struct ipc_deliver *d, int *fd)
{
	struct attempt *a = mem_alloc(sizeof(*a));

	a->env = env;
	a->copy = d->copy;
	a->number = d->attempt;
	a->fd = *fd;
	*fd = -1;
	a->eight_bit = d->eight_bit != 0;
	a->utf8 = d->utf8 != 0;
	a->started = wall_now();
	a->mark = mono_now();
	a->stage = "resolve";
	buf_init(&a->prefix, 4096);
	buf_add(&a->prefix, d->prefix);
	buf_init(&a->grant, 64);
	buf_add(&a->grant, d->grant);
	a->deadline = loop_timer_new(on_deadline, a);
	convo_init(&a->convo, a->mark);
	a->valid = read_deliver(a, d);
	if (a->valid)
		prepare_init(a, d);
	return a;
}

static void free_now(void *arg)
{
	struct attempt *a = arg;

	if (a->valid)
		prepare_done(a);
	loop_timer_free(&a->deadline);
	convo_done(&a->convo);
	buf_done(&a->prefix);
	buf_done(&a->grant);
	fd_close(&a->fd);
	mem_free(a);
}

/* ending */

static void let_go(struct attempt *a)
{
	must(!a->over);
	a->over = true;
	for (size_t i = 0; i < a->asked; i++)
		ask_cancel(&a->question[i].ask);
	ask_cancel(&a->sign);
	if (a->work)
		loop_timer_stop(a->work);
	loop_timer_stop(a->deadline);
	conn_release(&a->conn);
	loop_later(free_now, a);
}

void attempt_end(struct attempt *a, const struct outcome *o)
{
	struct outcome outcome = *o;
	struct ipc_result r;

	if (!outcome.code)
		convo_note(&a->convo, outcome.text, mono_now());
	report_make(a, &outcome, &r);
	let_go(a);
	a->env->ended(a, &r);
}

void attempt_end_temp(struct attempt *a, const char *status, const char *text, const char *more)
{
	struct outcome o;
	char both[512];

	snprintf(both, sizeof(both), "%s%s%s", text, *more ? ": " : "", more);
	outcome_set(&o, OUTCOME_TEMP, 0, status, span_str(both));
	attempt_end(a, &o);
}

bool attempt_after_dot(const struct attempt *a)
{
	return a->conn && a->conn->talking && a->mail_begun && a->conn->client.dot_sent;
}

void attempt_give_up(struct attempt *a)
{
	must(!attempt_after_dot(a));
	let_go(a);
	a->env->ended(a, NULL);
}

void attempt_return(struct attempt *a)
{
	struct ipc_result r;

	must(!attempt_after_dot(a));
	report_returned(a->copy, a->number, &r);
	let_go(a);
	a->env->ended(a, &r);
}

/* addresses */

static void unreachable(struct attempt *a, const char *why)
{
	const struct route_hop *hop = &a->route.hop[a->hop];
	char text[512];

	snprintf(text, sizeof(text), "cannot connect to %.255s[%s]:%u: %.160s", hop->host, hop->ip,
		 hop->port, why);
	outcome_set(&a->last, OUTCOME_TEMP, 0, "4.4.1", span_str(text));
	convo_note(&a->convo, why, mono_now());
}

static bool last_hop(const struct attempt *a)
{
	return a->hop + 1 >= a->route.hop_n;
}

void attempt_note_tls(struct attempt *a, const char *tls, const char *note)
{
	snprintf(a->tls, sizeof(a->tls), "%s", tls);
	snprintf(a->tls_note, sizeof(a->tls_note), "%s", note);
}

/* The level for the hop in use.  Where TLS is welcome but known to fail there is none, but never
 * where a password is sent. */
static enum conf_tls tls_level(struct attempt *a, const struct login *login)
{
	const struct route_hop *hop = &a->route.hop[a->hop];
	enum conf_tls level = route_tls(&a->route, a->env->conf, hop);

	if (level != CONF_TLS_MAY || login->user[0] ||
	    !(a->clear || hosts_tls_is_broken(hop->ip, hop->port, mono_now())))
		return level;
	if (!a->clear)
		attempt_note_tls(a, "", "in clear: TLS with this server has failed before");
	return CONF_TLS_NONE;
}

/* 0; -EINVAL: the attempt has ended. */
static int find_login(struct attempt *a, struct login *out)
{
	const struct route_hop *hop = &a->route.hop[a->hop];
	const char *file = a->env->conf->deliver_logins;
	char why[512];
	struct buf text;
	unsigned line = 0;
	int err;

	*out = (struct login){.user = ""};
	if (!*file || !route_is_configured(&a->route))
		return 0;
	err = file_read(file, LOGINS_MAX, &text);
	snprintf(why, sizeof(why), "deliver.logins = %.200s cannot be read: %s", file,
		 strerror(-err));
	if (!err) {
		err = logins_find(buf_span(&text), hop->host, hop->port, out, &line);
		sodium_memzero(text.p, text.n);
		buf_done(&text);
		snprintf(why, sizeof(why),
			 "deliver.logins = %.200s: line %u is not HOST:PORT USER PASSWORD", file,
			 line);
		if (err == -ENOENT)
			return 0;
	}
	if (err)
		attempt_end_temp(a, "4.3.5", why, "");
	return err;
}

/* A connection that stands already, to one of the hosts that are as good as the next. */
static bool take_idle(struct attempt *a, const struct login *login)
{
	struct route *r = &a->route;
	enum conf_tls level = tls_level(a, login);

	for (size_t i = a->hop; i < r->hop_n && r->hop[i].rank == r->hop[a->hop].rank; i++) {
		struct route_hop hop = r->hop[i];

		if (!conn_is_idle(&hop, level, login))
			continue;
		r->hop[i] = r->hop[a->hop];
		r->hop[a->hop] = hop;
		a->conn = conn_take(a, &hop, level, login);
		return true;
	}
	return false;
}

static void connect_hop(struct attempt *a)
{
	struct login login;

	for (;; a->hop++) {
		if (!a->clear)
			attempt_note_tls(a, "", "");
		report_stage(a, "connect");
		if (find_login(a, &login) != 0)
			return;
		if (!a->fresh && !a->clear && take_idle(a, &login)) {
			conn_drive(a->conn);
			return;
		}
		a->conn = conn_open(a, &a->route.hop[a->hop], tls_level(a, &login), &login);
		sodium_memzero(&login, sizeof(login));
		if (a->conn)
			return;
		unreachable(a, "there is no way to it");
		if (last_hop(a)) {
			attempt_end(a, &a->last);
			return;
		}
		a->clear = false;
	}
}

/* The hop in use has failed, with a->last. */
static void next_hop(struct attempt *a)
{
	if (last_hop(a)) {
		attempt_end(a, &a->last);
		return;
	}
	conn_release(&a->conn);
	a->clear = false;
	a->hop++;
	connect_hop(a);
}

void attempt_connect_failed(struct attempt *a, const char *why)
{
	const struct route_hop *hop = &a->route.hop[a->hop];

	hosts_family_failed(hop->addr.sa.sa_family, hop->ip, mono_now());
	unreachable(a, why);
	next_hop(a);
}

/* The handshake failed where TLS is welcome, not required: the same host in clear. */
static void go_on_in_clear(struct attempt *a)
{
	const struct route_hop *hop = &a->route.hop[a->hop];
	char note[CONN_NOTE_SIZE];

	hosts_tls_failed(hop->ip, hop->port, mono_now());
	snprintf(note, sizeof(note), "in clear: %.140s", a->last.text);
	attempt_note_tls(a, "", note);
	convo_note(&a->convo, a->last.text, mono_now());
	conn_release(&a->conn);
	a->clear = true;
	connect_hop(a);
}

void attempt_conn_over(struct attempt *a, const struct outcome *o)
{
	bool stale = conn_was_stale(a->conn);

	must(a->mail_begun || o->kind == OUTCOME_TEMP);
	a->last = *o;
	if (stale) {
		convo_note(&a->convo, "it was closed meanwhile; a new one is made", mono_now());
		a->fresh = true;
		a->mail_begun = false;
		conn_release(&a->conn);
		connect_hop(a);
	} else if (a->conn->tls_failed && a->conn->tls_level == CONF_TLS_MAY &&
		   !a->conn->login.user[0]) {
		go_on_in_clear(a);
	} else if (o->kind == OUTCOME_TEMP && !a->mail_begun) {
		next_hop(a);
	} else {
		attempt_end(a, &a->last);
	}
}

/* An address family that fails again and again comes last. */
static void begin_hops(struct attempt *a)
{
	struct mono now = mono_now();

	loop_timer_stop(a->deadline);
	if (hosts_family_is_broken(AF_INET6, now))
		route_put_last(&a->route, AF_INET6);
	else if (hosts_family_is_broken(AF_INET, now))
		route_put_last(&a->route, AF_INET);
	connect_hop(a);
}

/* DNS */

static void question_fill(struct ask *ask, uint64_t request, struct ipc_msg *m)
{
	struct attempt_question *q = container_of(ask, struct attempt_question, ask);
	enum dns_type type;
	const struct domain *name = route_question(&q->attempt->route, q->number, &type);

	*m = (struct ipc_msg){.type = IPC_RESOLVE};
	m->resolve.request = request;
	m->resolve.type = (uint16_t)type;
	m->resolve.name = domain_span(name);
}

static void resolve(struct attempt *a);

static void question_answered(struct ask *ask, const struct ipc_msg *m)
{
	struct attempt_question *q = container_of(ask, struct attempt_question, ask);
	struct attempt *a = q->attempt;

	if (a->over)
		return;
	if (m && m->answer.status <= DNS_NOT_HERE)
		route_answer(&a->route, a->env->conf, q->number, m->answer.status, m->answer.why,
			     &m->answer.records);
	else
		route_give_up(&a->route, "the resolver does not answer");
	resolve(a);
}

/* Asks what is to be asked now; goes on when the route stands. */
static void resolve(struct attempt *a)
{
	while (!a->over && a->route.state == ROUTE_ASKING && a->asked < a->route.questions) {
		struct attempt_question *q = &a->question[a->asked];

		q->ask = (struct ask){.fill = question_fill, .answered = question_answered};
		q->attempt = a;
		q->number = a->asked++;
		loop_timer_set(a->deadline, a->env->conf->dns_timeout_ms + DNS_SLACK_MS);
		asker_ask(a->env->resolver, &q->ask); /* may come back here at once */
	}
	if (a->over || a->conn || a->route.state == ROUTE_ASKING)
		return;
	if (a->route.state == ROUTE_FAILED)
		attempt_end(a, &a->route.outcome);
	else
		begin_hops(a);
}

/* Of an address of our own, and of no other, the other end of a connection is the same one.
 * Connecting a datagram socket sends nothing. */
static bool is_own_address(const struct sockaddr *sa)
{
	AUTO_CLOSE int fd = socket(sa->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool v4 = sa->sa_family == AF_INET;
	struct sockaddr_storage here = {0};
	socklen_t size = sizeof(here);
	char there_ip[IP_TEXT_SIZE], here_ip[IP_TEXT_SIZE];

	if (fd < 0 ||
	    connect(fd, sa, v4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)))
		return false;
	if (getsockname(fd, (struct sockaddr *)&here, &size))
		return false;
	ip_text(sa, there_ip);
	ip_text((struct sockaddr *)&here, here_ip);
	return strcmp(there_ip, here_ip) == 0;
}

void attempt_start(struct attempt *a)
{
	uint64_t random;

	if (!a->valid) {
		LOG(LOG_ERROR, "deliver-refused", KU("copy", a->copy));
		attempt_end_temp(a, "4.3.0", "the queue's order cannot be understood", "");
		return;
	}
	randombytes_buf(&random, sizeof(random));
	route_start(&a->route, a->env->conf, &a->relay, &a->rcpt, random, is_own_address);
	resolve(a);
}

static void on_deadline(void *arg)
{
	struct attempt *a = arg;

	if (a->over)
		return;
	if (a->route.state == ROUTE_ASKING) {
		route_give_up(&a->route, "the resolver does not answer in time");
		resolve(a);
	}
}
