/*
 * resolver_answer.h - a DNS answer packet (RFC 1035 4.1) taken apart: the records of one type at
 * the end of the CNAMEs, names no longer compressed.  Pure.
 */
#ifndef DELIVERD_RESOLVER_ANSWER_H
#define DELIVERD_RESOLVER_ANSWER_H

#include "common/dns.h"

enum { ANSWER_RECORDS_MAX = 64, ANSWER_RDATA_MAX = 512 };

struct answer {
	uint8_t rcode;
	uint32_t ttl;	   /* the least of the records and CNAMEs used; 0 without any */
	struct domain end; /* the name at the end of the CNAMEs; n == 0: none, or no host name */
	size_t n;	   /* further records are left out */
	bool too_long;	   /* a record was longer than ANSWER_RDATA_MAX and left out */
	struct span records[ANSWER_RECORDS_MAX]; /* into bytes */
	uint8_t bytes[ANSWER_RECORDS_MAX * ANSWER_RDATA_MAX];
};

/* name: what was asked, as text, perhaps with "*" as its first label.  0, or -EINVAL when the
 * packet is not well-formed (out is then undefined). */
int answer_read(struct span packet, const char *name, uint16_t type, struct answer *out) MUST_CHECK;

#endif
