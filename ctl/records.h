/*
 * records.h - the DNS records that a domain's owner should publish; pure.
 */
#ifndef CTL_RECORDS_H
#define CTL_RECORDS_H

#include "common/conf/conf.h"
#include "common/control/control.h"

enum { RECORD_VALUE_SIZE = 2048, RECORDS_MAX = CONTROL_KEYS_MAX + 4 };

struct record {
	char name[320];
	const char *type;
	char value[RECORD_VALUE_SIZE]; /* of a TXT record: the text, not cut into strings of 255 */
	const char *purpose;	       /* "DKIM" */
	const char *why;
};
struct records {
	size_t n;
	struct record at[RECORDS_MAX];
};

/* records begins zeroed: first its keys, CONTROL_KEYS_MAX at most, then the others. */
void records_add_key(struct records *out, const struct control_key *key);
void records_add_others(struct records *out, const struct domain *name, const struct conf *conf);

#endif
