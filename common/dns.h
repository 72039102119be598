/*
 * dns.h - what goes over the RESOLVE door: questions, states, record data.
 *
 * Record data is as on the wire (RFC 1035 3.3), names not compressed.
 */
#ifndef COMMON_DNS_H
#define COMMON_DNS_H

#include "common/buf.h"
#include "common/mail/addr.h"

enum dns_type {
	DNS_A = 1,
	DNS_CNAME = 5,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_TLSA = 52,
};

enum dns_status {
	DNS_OK,
	DNS_NODATA,   /* the name exists, this type does not */
	DNS_NXDOMAIN, /* the name does not exist */
	DNS_FAILED,   /* SERVFAIL, bogus, time-out, resolver gone: try later */
	DNS_NOT_HERE, /* a sandbox: the name is not in dns.zone, and nobody else is asked */
};

struct dns_mx {
	uint16_t preference;
	bool is_null; /* "." : RFC 7505 */
	struct domain host;
};

/* -EINVAL unless rdata is exactly one well-formed record of that type. */
int dns_read_mx(struct span rdata, struct dns_mx *out) MUST_CHECK;
/* Adds the strings of a TXT record one behind the other; -EINVAL, and then perhaps some of them. */
int dns_read_txt(struct span rdata, struct buf *out) MUST_CHECK;
/* A wire-format name, uncompressed, ending exactly at the span's end; the root gives n == 0. */
int dns_read_name(struct span wire, struct domain *out) MUST_CHECK;

#endif
