/*
 * route.c - see route.h.
 *
 * Question 0 is the MX where MX records count; then follow AAAA and A for each host, all at once.
 * The list of hops is made when the last answer is there.
 */
#include "deliverd/route.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

enum { RECORDS_MAX = 64 };
enum { FAMILY_ANY, FAMILY_IPV4, FAMILY_IPV6 }; /* deliver.family */

struct candidate {
	uint16_t preference;
	uint16_t record;
	uint64_t shuffle;
};

static void fail(struct route *r, enum outcome_kind kind, const char *status, const char *fmt, ...)
	PRINTF(4, 5);

static void fail(struct route *r, enum outcome_kind kind, const char *status, const char *fmt, ...)
{
	char text[OUTCOME_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->state = ROUTE_FAILED;
	outcome_set(&r->outcome, kind, 0, status, span_str(text));
}

void route_give_up(struct route *r, const char *why)
{
	if (r->state == ROUTE_ASKING)
		fail(r, OUTCOME_TEMP, "4.4.3", "%s", why);
}

bool route_is_configured(const struct route *r)
{
	return r->source == ROUTE_FIXED;
}

enum conf_tls route_tls(const struct route *r, const struct conf *c, const struct route_hop *hop)
{
	for (size_t i = 0; i < c->deliver_tls_policy.n; i++) {
		const struct conf_level *l = &c->deliver_tls_policy.at[i];

		if (span_eq(domain_span(&l->domain), domain_span(&r->domain)) ||
		    (route_is_configured(r) && span_ieq_str(domain_span(&l->domain), hop->host)))
			return l->level;
	}
	return (enum conf_tls)c->deliver_tls;
}

void route_put_last(struct route *r, int family)
{
	struct route_hop last[LIMIT_MX_ADDRS];
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < r->hop_n; i++) {
		if (r->hop[i].addr.sa.sa_family == family)
			last[n++] = r->hop[i];
		else
			r->hop[kept++] = r->hop[i];
	}
	memcpy(r->hop + kept, last, n * sizeof(last[0]));
}

static uint64_t next_random(struct route *r) /* splitmix64 */
{
	uint64_t z = r->random += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

/* questions */

static bool first_is_mx(const struct route *r)
{
	return r->source == ROUTE_MX || r->source == ROUTE_DOMAIN;
}

static void add_host(struct route *r, const struct domain *name, uint16_t preference)
{
	for (size_t i = 0; i < r->host_n; i++)
		if (span_eq(domain_span(&r->host[i].name), domain_span(name)))
			return;
	if (r->host_n == LIMIT_MX)
		return;
	r->host[r->host_n].preference = preference;
	r->host[r->host_n++].name = *name;
	r->questions += 2;
}

/* Index of the host that question i asks about. */
static size_t host_of(const struct route *r, size_t i)
{
	return (i - first_is_mx(r)) / 2;
}

const struct domain *route_question(const struct route *r, size_t i, enum dns_type *type_out)
{
	must(i < r->questions);
	if (first_is_mx(r) && i == 0) {
		*type_out = DNS_MX;
		return &r->domain;
	}
	*type_out = (i - first_is_mx(r)) % 2 ? DNS_A : DNS_AAAA;
	return &r->host[host_of(r, i)].name;
}

/* hops */

static bool allowed(const struct conf *c, const struct sockaddr *sa)
{
	return c->deliver_networks.is_public ? net_is_public(sa)
					     : conf_net_has(&c->deliver_networks, sa);
}

static void note_refused(struct route *r, const char *host, const char *ip)
{
	size_t at = strlen(r->refused);

	r->refused_n++;
	if (at + 2 < sizeof(r->refused))
		snprintf(r->refused + at, sizeof(r->refused) - at, "%s%s[%s]", at ? ", " : "", host,
			 ip);
}

static bool known(const struct route *r, const struct route_hop *h)
{
	for (size_t i = 0; i < r->hop_n; i++)
		if (strcmp(r->hop[i].ip, h->ip) == 0 && r->hop[i].port == h->port)
			return true;
	return false;
}

static bool family_excluded(const struct conf *c, int family)
{
	return (c->deliver_family == FAMILY_IPV4 && family != AF_INET) ||
	       (c->deliver_family == FAMILY_IPV6 && family != AF_INET6);
}

/* from NULL: there is no name, the address is the host. */
static void add_hop(struct route *r, const struct conf *c, const struct route_host *from,
		    int family, const uint8_t *ip)
{
	struct route_hop h = {.port = r->port, .rank = from ? from->preference : 0};

	if (family_excluded(c, family)) {
		r->other_family = true;
		return;
	}
	if (family == AF_INET) {
		h.addr.v4.sin_port = htons(r->port);
		memcpy(&h.addr.v4.sin_addr, ip, 4);
		h.addr_len = sizeof(h.addr.v4);
	} else {
		h.addr.v6.sin6_port = htons(r->port);
		memcpy(&h.addr.v6.sin6_addr, ip, 16);
		h.addr_len = sizeof(h.addr.v6);
	}
	h.addr.sa.sa_family = (sa_family_t)family;
	must(inet_ntop(family, ip, h.ip, sizeof(h.ip)) != NULL);
	snprintf(h.host, sizeof(h.host), "%s", from ? from->name.s : h.ip);
	if (r->source != ROUTE_FIXED && !allowed(c, &h.addr.sa))
		note_refused(r, h.host, h.ip);
	else if (r->source != ROUTE_FIXED && c->deliver_networks.is_public && r->is_own(&h.addr.sa))
		r->loops = true;
	else if (r->hop_n < LIMIT_MX_ADDRS && !known(r, &h))
		r->hop[r->hop_n++] = h;
}

/* A host's addresses, v6 and v4 in turns, so that a network with only one of them gets through. */
static void add_hops(struct route *r, const struct conf *c, const struct route_host *h)
{
	for (size_t i = 0; i < h->v6.n || i < h->v4.n; i++) {
		if (i < h->v6.n)
			add_hop(r, c, h, AF_INET6, h->v6.ip[i]);
		if (i < h->v4.n)
			add_hop(r, c, h, AF_INET, h->v4.ip[i]);
	}
}

/* Hosts that are not preferred to one with an address of ours are left out (RFC 5321 5.1). */
static void add_all_hops(struct route *r, const struct conf *c)
{
	size_t better_n = 0;

	for (size_t i = 0; i < r->host_n && !r->loops; i++) {
		if (i && r->host[i].preference != r->host[i - 1].preference)
			better_n = r->hop_n;
		add_hops(r, c, &r->host[i]);
	}
	if (r->loops)
		r->hop_n = better_n;
}

/* the end */

static void loops_back(struct route *r)
{
	fail(r, OUTCOME_PERM, "5.4.6", "mail for %s loops back to myself",
	     r->source == ROUTE_LITERAL ? "the address" : r->domain.s);
}

static void all_refused(struct route *r, const struct conf *c)
{
	if (c->deliver_networks.is_public)
		fail(r, OUTCOME_PERM, "5.4.6",
		     "%.255s leads only to addresses that are not on the public Internet: %.500s",
		     r->source == ROUTE_LITERAL ? "the address" : r->domain.s, r->refused);
	else
		fail(r, OUTCOME_TEMP, "4.4.0",
		     "this sandbox connects only to loopback and to the --relay and --mx "
		     "addresses; refused: %.500s",
		     r->refused);
}

static void no_address(struct route *r)
{
	if (r->source == ROUTE_FIXED)
		fail(r, OUTCOME_TEMP, "4.4.4",
		     "%s, the server configured for this mail, has no address in DNS",
		     r->host[0].name.s);
	else if (r->source == ROUTE_DOMAIN)
		fail(r, OUTCOME_PERM, "5.4.4", "%s has neither a mail server nor an address in DNS",
		     r->domain.s);
	else
		fail(r, OUTCOME_TEMP, "4.4.4",
		     "none of the mail servers of %s has an address in DNS", r->domain.s);
}

static void conclude(struct route *r, const struct conf *c)
{
	add_all_hops(r, c);
	if (r->hop_n)
		r->state = ROUTE_FOUND;
	else if (r->doubt)
		r->state = ROUTE_FAILED; /* the outcome of the first doubt stands */
	else if (r->loops)
		loops_back(r);
	else if (r->other_family)
		fail(r, OUTCOME_TEMP, "4.4.4",
		     "there are only addresses of the family that deliver.family excludes");
	else if (r->refused_n)
		all_refused(r, c);
	else
		no_address(r);
}

/* answers */

static void doubt(struct route *r, const char *name, enum dns_status status, struct span why)
{
	char text[OUTCOME_TEXT_MAX];

	if (r->doubt)
		return;
	r->doubt = true;
	if (status == DNS_NOT_HERE)
		snprintf(text, sizeof(text),
			 "%s is not in this sandbox's dns.zone and nobody else is asked; add it "
			 "there, or start the sandbox with --mx %s=HOST:PORT or --relay HOST:PORT",
			 name, r->domain.n ? r->domain.s : name);
	else
		snprintf(text, sizeof(text), "DNS gave no answer for %s%s%.*s", name,
			 why.n ? ": " : "", SPAN_FMT(why));
	outcome_set(&r->outcome, OUTCOME_TEMP, 0, "4.4.3", span_str(text));
}

static int by_preference(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return x->shuffle < y->shuffle ? -1 : x->shuffle > y->shuffle;
}

struct mx_list {
	size_t n;
	struct candidate at[RECORDS_MAX];
	bool null_mx;
	bool self;
	uint16_t self_preference;
};

static void read_mx(struct route *r, const struct conf *c, const struct ipc_spans *records,
		    struct mx_list *l)
{
	struct dns_mx mx;

	for (uint16_t i = 0; i < records->n && l->n < RECORDS_MAX; i++) {
		if (dns_read_mx(ipc_spans_at(records, i), &mx) != 0)
			continue;
		if (mx.is_null) {
			l->null_mx = true;
			continue;
		}
		if (span_eq(domain_span(&mx.host), domain_span(&c->hostname)) &&
		    (!l->self || mx.preference < l->self_preference)) {
			l->self = true;
			l->self_preference = mx.preference;
		}
		l->at[l->n++] = (struct candidate){mx.preference, i, next_random(r)};
	}
	qsort(l->at, l->n, sizeof(l->at[0]), by_preference);
}

/* A null MX beside other records is ignored: RFC 7505 3 knows it only alone. */
static void take_mx(struct route *r, const struct conf *c, const struct ipc_spans *records)
{
	struct mx_list l = {.n = 0};
	struct dns_mx mx;

	read_mx(r, c, records, &l);
	for (size_t i = 0; i < l.n; i++) {
		if (l.self && l.at[i].preference >= l.self_preference)
			break;
		if (dns_read_mx(ipc_spans_at(records, l.at[i].record), &mx) == 0)
			add_host(r, &mx.host, l.at[i].preference);
	}
	if (r->host_n)
		return;
	if (l.self)
		loops_back(r);
	else if (l.null_mx)
		fail(r, OUTCOME_PERM, "5.1.10", "%s does not accept mail", r->domain.s);
	else
		fail(r, OUTCOME_TEMP, "4.4.4", "the MX records of %s are malformed", r->domain.s);
}

static void implicit_mx(struct route *r, const struct conf *c)
{
	r->source = ROUTE_DOMAIN;
	if (span_eq(domain_span(&r->domain), domain_span(&c->hostname)))
		loops_back(r);
	else
		add_host(r, &r->domain, 0);
}

static void answer_mx(struct route *r, const struct conf *c, enum dns_status status,
		      struct span why, const struct ipc_spans *records)
{
	switch (status) {
	case DNS_OK:
		take_mx(r, c, records);
		break;
	case DNS_NODATA:
		implicit_mx(r, c);
		break;
	case DNS_NXDOMAIN:
		fail(r, OUTCOME_PERM, "5.1.2", "the domain %s does not exist", r->domain.s);
		break;
	case DNS_FAILED:
	case DNS_NOT_HERE:
	default:
		doubt(r, r->domain.s, status, why);
		r->state = ROUTE_FAILED;
	}
}

static void answer_host(struct route *r, size_t i, enum dns_status status, struct span why,
			const struct ipc_spans *records)
{
	enum dns_type type;
	const struct domain *name = route_question(r, i, &type);
	struct route_host *h = &r->host[host_of(r, i)];
	struct route_ips *ips = type == DNS_A ? &h->v4 : &h->v6;
	size_t size = type == DNS_A ? 4 : 16;

	if (status != DNS_OK && status != DNS_NODATA && status != DNS_NXDOMAIN)
		doubt(r, name->s, status, why);
	if (status != DNS_OK)
		return;
	for (size_t k = 0; k < records->n && ips->n < LIMIT_MX_ADDRS; k++) {
		struct span ip = ipc_spans_at(records, k);

		if (ip.n == size)
			memcpy(ips->ip[ips->n++], ip.p, size);
	}
}

void route_answer(struct route *r, const struct conf *c, size_t i, enum dns_status status,
		  struct span why, const struct ipc_spans *records)
{
	if (r->state != ROUTE_ASKING)
		return;
	must(i < r->questions && !r->answered[i]);
	r->answered[i] = true;
	r->answers++;
	why = span_head(why, 256);
	if (first_is_mx(r) && i == 0)
		answer_mx(r, c, status, why, records);
	else
		answer_host(r, i, status, why, records);
	if (r->state == ROUTE_ASKING && r->answers == r->questions)
		conclude(r, c);
}

/* start */

static bool ip_read(const char *text, uint8_t ip[16], int *family_out)
{
	if (inet_pton(AF_INET, text, ip) == 1)
		*family_out = AF_INET;
	else if (inet_pton(AF_INET6, text, ip) == 1)
		*family_out = AF_INET6;
	else
		return false;
	return true;
}

static void start_literal(struct route *r, const struct conf *c, struct span text)
{
	char ip_text[ROUTE_IP_SIZE];
	uint8_t ip[16];
	int family;

	r->source = ROUTE_LITERAL;
	text = span_of(text.p + 1, text.n - 2);
	if (span_istarts(text, "IPv6:"))
		text = span_from(text, sizeof("IPv6:") - 1);
	if (span_cstr(text, ip_text, sizeof(ip_text)) == 0 && ip_read(ip_text, ip, &family))
		add_hop(r, c, NULL, family, ip);
	conclude(r, c);
}

static void start_fixed(struct route *r, const struct conf *c, const struct conf_hostport *to)
{
	uint8_t ip[16];
	struct domain name;
	int family;

	r->source = ROUTE_FIXED;
	r->port = to->port;
	if (ip_read(to->host, ip, &family)) {
		add_hop(r, c, NULL, family, ip);
		conclude(r, c);
	} else if (domain_parse(span_str(to->host), &name) == 0) {
		add_host(r, &name, 0);
	} else {
		fail(r, OUTCOME_TEMP, "4.3.5",
		     "%s, configured as relay or in deliver.mx, is no host name", to->host);
	}
}

static const struct conf_hostport *fixed_for(const struct conf *c, const struct domain *d,
					     const struct conf_hostport *relay)
{
	for (size_t i = 0; i < c->deliver_mx.n; i++)
		if (span_eq(domain_span(&c->deliver_mx.at[i].domain), domain_span(d)))
			return &c->deliver_mx.at[i].to;
	if (relay->host[0])
		return relay;
	return c->deliver_relay.host[0] ? &c->deliver_relay : NULL;
}

void route_start(struct route *r, const struct conf *c, const struct conf_hostport *relay,
		 const struct addr *rcpt, uint64_t random,
		 bool (*is_own)(const struct sockaddr *sa))
{
	const struct conf_hostport *to;

	*r = (struct route){
		.port = (uint16_t)c->deliver_port,
		.random = random,
		.is_own = is_own,
	};
	if (addr_get_domain(rcpt, &r->domain) != 0)
		r->domain.n = 0;
	to = fixed_for(c, &r->domain, relay);
	if (to) {
		start_fixed(r, c, to);
	} else if (rcpt->literal) {
		start_literal(r, c, addr_domain(rcpt));
	} else if (r->domain.n) {
		r->questions = 1;
	} else {
		fail(r, OUTCOME_TEMP, "4.3.0", "the recipient's address has no domain");
	}
}
