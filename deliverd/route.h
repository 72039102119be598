/*
 * route.h - the next hop, pure: from configuration and DNS answers to addresses in order
 * (RFC 5321 5.1, RFC 7505).
 *
 *	route_start(); then, while state is ROUTE_ASKING, ask the questions 0 to questions-1 that
 *	were not asked yet (more may appear with an answer) and hand in route_answer() for each
 *
 * ends as ROUTE_FOUND with hops (host, address, port), best first, or ROUTE_FAILED with outcome.
 *
 * deliver.mx goes before the server's own relay, that before deliver.relay, that before DNS.
 * Addresses from DNS and literals pass the guard deliver.networks one by one; relay and mx entries
 * are the operator's own and do not.
 * Permanent are only: a domain that does not exist (5.1.2), takes no mail (5.1.10), has neither MX
 * nor address (5.4.4), leads back to us or to forbidden addresses only (5.4.6).  Wherever DNS
 * failed for a part and no address was found, it is temporary.
 */
#ifndef DELIVERD_ROUTE_H
#define DELIVERD_ROUTE_H

#include <netinet/in.h>

#include "common/conf/conf.h"
#include "common/dns.h"
#include "common/ipc/ipc.h"
#include "common/outcome.h"

enum { ROUTE_QUESTIONS = 1 + 2 * LIMIT_MX, ROUTE_IP_SIZE = 48 };

struct route_hop {
	char host[256];		/* name, or the address as text */
	char ip[ROUTE_IP_SIZE]; /* without brackets */
	unsigned rank;		/* equal ones may be taken in any order */
	uint16_t port;
	socklen_t addr_len;
	union {
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} addr;
};

struct route_ips {
	size_t n;
	uint8_t ip[LIMIT_MX_ADDRS][16];
};

/* A host whose addresses are asked for. */
struct route_host {
	struct domain name;
	uint16_t preference;
	struct route_ips v4, v6;
};

enum route_state { ROUTE_ASKING, ROUTE_FOUND, ROUTE_FAILED };
enum route_source { ROUTE_MX, ROUTE_DOMAIN, ROUTE_FIXED, ROUTE_LITERAL };

struct route {
	enum route_state state;
	size_t questions; /* known so far */
	size_t hop_n;
	struct route_hop hop[LIMIT_MX_ADDRS];
	struct outcome outcome;
	/* the machine's own */
	enum route_source source;
	struct domain domain;
	uint16_t port;
	uint64_t random;
	bool (*is_own)(const struct sockaddr *sa);
	bool loops; /* an address is our own */
	size_t answers;
	bool answered[ROUTE_QUESTIONS];
	bool other_family; /* there are addresses that deliver.family excludes */
	bool doubt;	   /* a question has no certain answer: text in outcome */
	size_t host_n;
	struct route_host host[LIMIT_MX];
	size_t refused_n;
	char refused[512]; /* addresses that the guard refused, for the reader */
};

/* relay: the server's own, without a host if it has none.  random: decides the order of equally
 * preferred hosts.  is_own: whether this host has an address; asked only where deliver.networks is
 * public. */
void route_start(struct route *r, const struct conf *c, const struct conf_hostport *relay,
		 const struct addr *rcpt, uint64_t random,
		 bool (*is_own)(const struct sockaddr *sa));
/* Question i < questions. */
const struct domain *route_question(const struct route *r, size_t i, enum dns_type *type_out);
/* The answer to question i, once each.  why: a sentence when there are no records. */
void route_answer(struct route *r, const struct conf *c, size_t i, enum dns_status status,
		  struct span why, const struct ipc_spans *records);
/* Did the configuration name it (deliver.relay, deliver.mx)? */
bool route_is_configured(const struct route *r);
/* How much TLS the hop needs: deliver.tls_policy by the name of a configured host, or by the
 * recipient's domain; else deliver.tls. */
enum conf_tls route_tls(const struct route *r, const struct conf *c, const struct route_hop *hop);
/* Hops of that family come behind the others. */
void route_put_last(struct route *r, int family);
/* Nobody answers: ends as ROUTE_FAILED, temporary. */
void route_give_up(struct route *r, const char *why);

#endif
