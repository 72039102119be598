/*
 * resolver_questions.c - the life of a question, from the RESOLVE door to its one answer.
 *
 * A question is waiting, or running in libunbound (at most RUNNING_MAX), and is answered exactly
 * once: by libunbound, by its deadline (dns.timeout, counted from its arrival), or by a refusal;
 * when its asker goes it is dropped.  What dns.zone has is asked of libunbound too, as local data,
 * under the name or wildcard that zone_find() gives, and CNAMEs in it are followed here.
 *
 * That a name does not exist ends a delivery for good, so it is not believed of broken name
 * servers: such a question is a suspect until another name has been found that must exist, the
 * last that had records or dns.canary, unless DNSSEC proves it.
 *
 * questions_answered() may run inside backend->ask(); so it never asks again itself, and the
 * question is freed by whoever is outermost.  What has to follow is done by pump() after the
 * loop's turn.
 */
#include "deliverd/resolver_questions.h"

#include <stdio.h>
#include <sys/queue.h>

#include "common/log.h"
#include "common/loop.h"
#include "deliverd/resolver_answer.h"

enum { RUNNING_MAX = 128, WAITING_MAX = 1000, CNAMES_MAX = 8, RCODE_NXDOMAIN = 3 };

TAILQ_HEAD(list, question);

struct question {
	TAILQ_ENTRY(question) link;
	struct chan *from;
	uint64_t request;
	uint16_t type;
	struct domain name;	    /* after CNAMEs of dns.zone: where they lead */
	char asked[ZONE_NAME_SIZE]; /* of the backend */
	bool here;		    /* dns.zone answers */
	struct list *in;	    /* waiting, running or suspects */
	bool inside, over;
	unsigned cnames;
	uint32_t ttl_max; /* of the CNAMEs followed */
	int id;		  /* the backend's */
	struct loop_timer *deadline;
};

static struct {
	const struct questions_backend *backend;
	struct zone *zone;
	bool local;
	int64_t timeout_ms;
	struct list waiting, running, suspects;
	size_t waiting_n, running_n;
	char known[ZONE_NAME_SIZE]; /* the last name that had records */
	uint16_t known_type;
	bool canary_asked, broken;
	bool pump_later;
	struct answer answer;
} questions;

static void unlink_question(struct question *q)
{
	TAILQ_REMOVE(q->in, q, link);
	questions.running_n -= q->in == &questions.running;
	questions.waiting_n -= q->in == &questions.waiting;
}

static void link_waiting(struct question *q, bool first)
{
	q->in = &questions.waiting;
	if (first)
		TAILQ_INSERT_HEAD(&questions.waiting, q, link);
	else
		TAILQ_INSERT_TAIL(&questions.waiting, q, link);
	questions.waiting_n++;
}

static void question_free(struct question *q)
{
	unlink_question(q);
	loop_timer_free(&q->deadline);
	mem_free(q);
}

/* Takes it back from the backend, if it is there. */
static void question_drop(struct question *q)
{
	if (q->in == &questions.running)
		questions.backend->cancel(q->id);
	question_free(q);
}

static void pump(void);

static void pump_now(void *arg)
{
	(void)arg;
	questions.pump_later = false;
	pump();
}

static void pump_soon(void)
{
	if (!questions.pump_later)
		loop_later(pump_now, NULL);
	questions.pump_later = true;
}

static void send_answer(const struct question *q, enum dns_status status, bool secure,
			const struct answer *a, const char *why)
{
	struct ipc_msg m = {.type = IPC_ANSWER};

	m.answer.request = q->request;
	m.answer.status = (uint8_t)status;
	m.answer.secure = secure;
	m.answer.why = span_head(span_str(why), 256);
	if (status == DNS_OK) {
		m.answer.ttl = a->ttl < q->ttl_max ? a->ttl : q->ttl_max;
		m.answer.records.n = (uint16_t)a->n;
		m.answer.records.items = a->records;
	}
	LOG(LOG_DEBUG, "resolved", KB("name", domain_span(&q->name)), KU("type", q->type),
	    KU("status", status), KU("records", m.answer.records.n), KU("secure", secure));
	chan_send(q->from, &m, -1);
}

static void send_failed(const struct question *q, const char *why)
{
	LOG(LOG_INFO, "resolve-failed", KB("name", domain_span(&q->name)), KU("type", q->type),
	    KS("reason", why));
	send_answer(q, DNS_FAILED, false, NULL, why);
}

/* suspects */

/* What becomes of a question that the backend has answered. */
enum next { NEXT_END, NEXT_AGAIN, NEXT_SUSPECT };

static enum next does_not_exist(const struct question *q, bool secure, const struct answer *a)
{
	if (!q->here && !secure)
		return NEXT_SUSPECT;
	send_answer(q, DNS_NXDOMAIN, secure, a, "the name does not exist");
	return NEXT_END;
}

static void ask_canary(void *arg)
{
	(void)arg;
	questions.backend->canary(questions.known, questions.known_type);
}

static void make_suspect(struct question *q)
{
	unlink_question(q);
	q->in = &questions.suspects;
	TAILQ_INSERT_TAIL(&questions.suspects, q, link);
	if (!questions.canary_asked)
		loop_later(ask_canary, NULL);
	questions.canary_asked = true;
}

/* The first good answer after bad ones ends the doubt, but not of what was said until then. */
void questions_canary(bool exists)
{
	bool believed = exists && !questions.broken;
	struct question *q;

	questions.canary_asked = false;
	if (!exists && !TAILQ_EMPTY(&questions.suspects))
		LOG(LOG_ERROR, "dns-broken",
		    KS("reason", "the name servers do not even know dns.canary; what they say does "
				 "not exist is asked again later"));
	if (exists && questions.broken)
		questions.backend->forget();
	questions.broken = !exists;
	while ((q = TAILQ_FIRST(&questions.suspects))) {
		if (believed)
			send_answer(q, DNS_NXDOMAIN, false, NULL, "the name does not exist");
		else
			send_failed(q, "the name servers say of every name that it does not exist");
		question_free(q);
	}
}

static void has_records(const struct question *q, bool secure, const struct answer *a)
{
	if (!q->here) {
		memcpy(questions.known, q->asked, sizeof(questions.known));
		questions.known_type = q->type;
	}
	send_answer(q, DNS_OK, secure, a, "");
}

/* An answer that is there: sends it, unless a CNAME of dns.zone leads on. */
static enum next conclude(struct question *q, struct span packet, bool secure)
{
	struct answer *a = &questions.answer;

	if (answer_read(packet, q->asked, q->type, a))
		send_failed(q, "the answer is malformed");
	else if (a->n > 0)
		has_records(q, secure, a);
	else if (a->too_long)
		send_failed(q, "the record is longer than 512 bytes");
	else if (a->rcode == RCODE_NXDOMAIN)
		return does_not_exist(q, secure, a);
	else if (a->rcode != 0)
		send_failed(q, "the name servers refuse to answer");
	else if (!q->here || a->end.n == 0)
		send_answer(q, DNS_NODATA, secure, a, "the name has no such record");
	else if (q->cnames++ == CNAMES_MAX)
		send_failed(q, "too many CNAMEs one after another in dns.zone");
	else {
		q->name = a->end;
		q->ttl_max = a->ttl < q->ttl_max ? a->ttl : q->ttl_max;
		return NEXT_AGAIN;
	}
	return NEXT_END;
}

void questions_answered(struct question *q, int rcode, struct span packet,
			enum question_security security, const char *why)
{
	/* what a file of ours led to is not validated from end to end */
	bool secure = security == QUESTION_SECURE && q->cnames == 0;
	enum next next = NEXT_END;

	if (security == QUESTION_BOGUS)
		send_failed(q, why ? why : "DNSSEC validation failed");
	else if (rcode == RCODE_NXDOMAIN)
		next = does_not_exist(q, secure, NULL);
	else if (rcode != 0 || packet.n == 0)
		send_failed(q, why ? why : "no name server gave a usable answer");
	else
		next = conclude(q, packet, secure);
	if (next == NEXT_AGAIN) {
		unlink_question(q);
		link_waiting(q, true);
	} else if (next == NEXT_SUSPECT) {
		make_suspect(q);
	} else if (q->inside) {
		q->over = true;
	} else {
		question_free(q);
	}
	pump_soon();
}

static void ask_backend(struct question *q)
{
	const char *wrong;

	unlink_question(q);
	q->in = &questions.running;
	TAILQ_INSERT_TAIL(&questions.running, q, link);
	questions.running_n++;
	q->inside = true;
	wrong = questions.backend->ask(q->asked, q->type, q, &q->id);
	q->inside = false;
	if (wrong)
		send_failed(q, wrong);
	if (wrong || q->over)
		question_free(q);
}

/* A waiting question: answered from what is known, or asked. */
static void begin(struct question *q)
{
	enum zone_found found = zone_find(questions.zone, &q->name, q->asked);

	q->here = found == ZONE_HERE;
	if (!q->here)
		memcpy(q->asked, q->name.s, sizeof(q->name.s));
	if (q->here || !questions.local) {
		ask_backend(q);
		return;
	}
	if (found == ZONE_NO_DATA)
		send_answer(q, DNS_NODATA, false, NULL, "dns.zone has only names below it");
	else if (found == ZONE_NO_NAME)
		send_answer(q, DNS_NXDOMAIN, false, NULL, "dns.zone does not have the name");
	else
		send_answer(q, DNS_NOT_HERE, false, NULL,
			    "the name is not in dns.zone, and dns.mode is local");
	question_free(q);
}

static void pump(void)
{
	while (questions.running_n < RUNNING_MAX && !TAILQ_EMPTY(&questions.waiting))
		begin(TAILQ_FIRST(&questions.waiting));
}

static void on_deadline(void *arg)
{
	struct question *q = arg;
	char why[96];

	snprintf(why, sizeof(why), "no answer within %lld ms (dns.timeout)",
		 (long long)questions.timeout_ms);
	send_failed(q, why);
	question_drop(q);
	pump_soon(); /* not now: what waits may end in this turn too */
}

/* NULL, or why the question cannot be asked. */
static const char *refuse(const struct ipc_resolve *m, struct domain *name_out)
{
	switch (m->type) {
	case DNS_A:
	case DNS_AAAA:
	case DNS_CNAME:
	case DNS_MX:
	case DNS_PTR:
	case DNS_TLSA:
	case DNS_TXT:
		break;
	default:
		return "this type of record is not asked for";
	}
	if (domain_parse_dns(m->name, name_out))
		return "not a name that can be asked for";
	if (questions.waiting_n >= WAITING_MAX)
		return "too many questions";
	return NULL;
}

void questions_add(struct chan *from, const struct ipc_resolve *m)
{
	struct question *q = mem_alloc(sizeof(*q));
	const char *wrong;

	*q = (struct question){.from = from, .request = m->request, .type = m->type};
	q->ttl_max = UINT32_MAX;
	wrong = refuse(m, &q->name);
	if (wrong) {
		send_failed(q, wrong);
		mem_free(q);
		return;
	}
	q->deadline = loop_timer_new(on_deadline, q);
	loop_timer_set(q->deadline, questions.timeout_ms);
	link_waiting(q, false);
	pump();
}

/* All, or all of one asker. */
static void drop_from(struct list *list, const struct chan *from)
{
	struct question *q = TAILQ_FIRST(list);

	while (q) {
		struct question *next = TAILQ_NEXT(q, link);

		if (!from || q->from == from)
			question_drop(q);
		q = next;
	}
}

void questions_drop(const struct chan *from)
{
	drop_from(&questions.waiting, from);
	drop_from(&questions.running, from);
	drop_from(&questions.suspects, from);
	pump_soon();
}

void questions_configure(struct zone *zone, bool local, int64_t timeout_ms)
{
	struct question *q;

	zone_free(&questions.zone);
	questions.zone = zone;
	questions.local = local;
	questions.timeout_ms = timeout_ms;
	while ((q = TAILQ_LAST(&questions.running, list))) {
		questions.backend->cancel(q->id);
		unlink_question(q);
		link_waiting(q, true);
	}
	pump_soon();
}

void questions_init(const struct questions_backend *backend)
{
	questions.backend = backend;
	TAILQ_INIT(&questions.waiting);
	TAILQ_INIT(&questions.running);
	TAILQ_INIT(&questions.suspects);
}

void questions_done(void)
{
	drop_from(&questions.waiting, NULL);
	drop_from(&questions.running, NULL);
	drop_from(&questions.suspects, NULL);
	zone_free(&questions.zone);
}
