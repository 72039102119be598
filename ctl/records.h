/*
 * records.h - the DNS records that a domain's owner should publish; pure.
 */
#ifndef CTL_RECORDS_H
#define CTL_RECORDS_H

#include "common/conf/conf.h"
#include "common/control/control.h"

enum { RECORD_VALUE_SIZE = 2048, RECORDS_MAX = 6 };

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

void records_make(const struct control_domain_row *row, const struct conf *conf,
		  struct records *out);

#endif
