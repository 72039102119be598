/*
 * records.h - the DNS records that a domain's owner should publish, and what DNS has of them; pure.
 */
#ifndef CTL_RECORDS_H
#define CTL_RECORDS_H

#include "common/conf/conf.h"
#include "common/control/control.h"
#include "common/dns.h"

enum { RECORD_VALUE_SIZE = 2048, RECORD_NAME_SIZE = 320, RECORDS_MAX = CONTROL_KEYS_MAX + 6 };

enum record_kind {
	RECORD_DKIM, /* of an active key */
	RECORD_DKIM_NEW,
	RECORD_DKIM_RETIRED,
	RECORD_OWNERSHIP,
	RECORD_RETURN_PATH,
	RECORD_DMARC,
	RECORD_SPF,
	RECORD_INSTANCE_MX, /* of return_path.domain: the same for all domains */
	RECORD_INSTANCE_SPF
};

struct record {
	enum record_kind kind;
	enum dns_type type;
	char name[RECORD_NAME_SIZE];
	char value[RECORD_VALUE_SIZE]; /* of a TXT record: the text, not cut into strings of 255 */
};
struct records {
	size_t n;
	struct record at[RECORDS_MAX];
};

/* records begins zeroed: first its keys, CONTROL_KEYS_MAX at most, then the others. */
void records_add_key(struct records *out, const struct control_key *key);
void records_add_others(struct records *out, const struct control_domain_row *domain,
			const struct conf *conf);

const char *record_type_name(const struct record *r); /* "TXT" */
const char *record_purpose(const struct record *r);   /* "DKIM" */
const char *record_why(const struct record *r);

/* What DNS has in its place. */
enum record_state {
	RECORD_FINE,
	RECORD_MISSING,
	RECORD_DIFFERENT /* there is one of its kind, which does not do */
};
/* records: rdata of type at the name, as the RESOLVE door gives it.  The text of the record that
 * decided, none where it is missing, is added to found.  A return path's CNAME is judged here, its
 * MX records by record_same_mx(). */
enum record_state record_judge(const struct record *r, const struct span *records, size_t n,
			       struct buf *found);
/* Are these the same hosts, and any?  Those of a are added to found. */
bool record_same_mx(const struct span *a, size_t a_n, const struct span *b, size_t b_n,
		    struct buf *found);

#endif
