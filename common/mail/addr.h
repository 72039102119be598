/*
 * addr.h - host names and mail addresses as values that only their parsers can make.
 *
 * After a parser has returned 0 nobody needs to look for control characters, blanks, NULs or
 * lengths again: a struct domain holds letters, digits, hyphens and single dots (and underscores,
 * if it came from domain_parse_dns); a struct addr holds printable ASCII, and in its local part
 * also well-formed UTF-8 without control characters and line separators.  Both are plain values
 * without pointers, to be copied freely.  Parsers return 0 or a negative enum addr_error and leave
 * their outputs untouched on failure; addr_error() has a sentence for the user.
 *
 * RFC 5321 4.1.2 and 4.1.3, RFC 1123 2.1, RFC 6531 3.3.  U-labels become A-labels (RFC 5891, UTS 46
 * non-transitional) at this door, so that two spellings of a domain are one value.  Whether an
 * address may have non-ASCII characters where it stands is for the caller to say.
 */
#ifndef COMMON_MAIL_ADDR_H
#define COMMON_MAIL_ADDR_H

#include "common/limits.h"
#include "common/span.h"

enum addr_error {
	ADDR_ERR_EMPTY = 1,    /* nothing there */
	ADDR_ERR_ASCII,	       /* a byte above 0x7f in a name that takes none */
	ADDR_ERR_UTF8,	       /* malformed UTF-8, a C1 control or a line separator */
	ADDR_ERR_IDN,	       /* U-labels that no domain can have */
	ADDR_ERR_LABEL_EMPTY,  /* "a..b", ".a" */
	ADDR_ERR_LABEL_LONG,   /* over 63 */
	ADDR_ERR_LABEL_HYPHEN, /* begins or ends with one */
	ADDR_ERR_DOMAIN_CHAR,
	ADDR_ERR_DOMAIN_LONG,	/* over 253 */
	ADDR_ERR_DOMAIN_DOT,	/* an address ends in a dot */
	ADDR_ERR_DOMAIN_NUMBER, /* the last label is a number: an IP address without brackets? */
	ADDR_ERR_DOMAIN_EMPTY,	/* "a@" */
	ADDR_ERR_LITERAL,	/* "[...]" that is no IP address; or where none may stand */
	ADDR_ERR_NO_AT,
	ADDR_ERR_POSTMASTER, /* "postmaster" without a domain: RFC 5321 4.5.1 */
	ADDR_ERR_LOCAL_EMPTY,
	ADDR_ERR_LOCAL_LONG, /* over 64 */
	ADDR_ERR_LOCAL_CHAR,
	ADDR_ERR_LOCAL_DOT,   /* a dot at an end, or two together */
	ADDR_ERR_LOCAL_QUOTE, /* a quoted string that does not end, or holds what it may not */
	ADDR_ERR_BRACKETS,    /* no "<" or no ">" */
	ADDR_ERR_ROUTE,	      /* a source route that is none */
	ADDR_ERR_MAX	      /* not an error: one more than the last */
};

/* A lower-case host name without trailing dot; s[n] is NUL and no byte before it is. */
struct domain {
	uint8_t n;
	char s[256];
};

/* "local@domain": the domain in lower case, the local part as given (RFC 5321 2.4: only the
 * receiving host knows what its case means).  n == 0 is the null address "<>".  s[n] is NUL and
 * no byte before it is. */
struct addr {
	uint16_t n;
	uint16_t at;  /* index of the "@" before the domain; 0 in the null address */
	bool literal; /* the domain is "[1.2.3.4]" or "[ipv6:...]" */
	char s[LIMIT_ADDR + 1];
};

/* A host name: labels of letters, digits and inner hyphens, 1 to 63 bytes, 253 in all; the last
 * one not all digits.  One trailing dot is accepted and dropped.  A single label is fine. */
int domain_parse(struct span s, struct domain *out) MUST_CHECK;
/* The same for names in DNS: underscores anywhere ("_dmarc.example.com"). */
int domain_parse_dns(struct span s, struct domain *out) MUST_CHECK;
/* The same as domain_parse, but U-labels may stand in it; *out has A-labels. */
int domain_parse_utf8(struct span s, struct domain *out) MUST_CHECK;

/* A bare mailbox: the whole of s, no blanks, no brackets, no display name, never null. */
int addr_parse(struct span s, struct addr *out) MUST_CHECK;

/* A path at the start of in: "<>", "<local@domain>", "<@a,@b:local@domain>" (the route is checked
 * and dropped: RFC 5321 appendix C).  *rest_out is what follows the ">".  With
 * -ADDR_ERR_POSTMASTER ("<Postmaster>") *rest_out is set as well, *out is not. */
int addr_parse_path(struct span in, struct addr *out, struct span *rest_out) MUST_CHECK;

/* The domain as a value; -ADDR_ERR_LITERAL for a literal, -ADDR_ERR_EMPTY for the null address. */
int addr_get_domain(const struct addr *a, struct domain *out) MUST_CHECK;

/* Does it need SMTPUTF8 on its way?  (Only the local part can.) */
bool addr_is_utf8(const struct addr *a);

/* atext of RFC 5322 3.2.3: what an ASCII atom is made of. */
bool addr_atext(uint8_t c);

/* A sentence without final dot for a (negative or positive) error of this file. */
const char *addr_error(int err);

static inline struct span domain_span(const struct domain *d)
{
	return span_of(d->s, d->n);
}
static inline struct span addr_span(const struct addr *a)
{
	return span_of(a->s, a->n);
}
/* With its quotes, if it has any. */
static inline struct span addr_local(const struct addr *a)
{
	return span_of(a->s, a->at);
}
/* With its brackets, if it is a literal. */
static inline struct span addr_domain(const struct addr *a)
{
	return a->n ? span_of(a->s + a->at + 1, (size_t)(a->n - a->at - 1)) : span_of(a->s, 0);
}

#endif
