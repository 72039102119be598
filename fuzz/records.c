/*
 * records.c (fuzz) - the first byte is the kind of record; the rest is its rdata in DNS.
 *
 * Whatever is there, what is wanted beside it is found; and what is found stands in the rdata.
 */
#include "ctl/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	enum record_kind kind;
	enum dns_type type;
	const char *value;
	struct span rdata; /* of the same */
} wanted[] = {
	{RECORD_DKIM, DNS_TXT, "v=DKIM1; k=rsa; p=AAAA", SPAN_LIT("\26v=DKIM1; k=rsa; p=AAAA")},
	{RECORD_OWNERSHIP, DNS_TXT, "posthaste-verification=a",
	 SPAN_LIT("\30posthaste-verification=a")},
	{RECORD_SPF, DNS_TXT, "v=spf1 include:a ~all", SPAN_LIT("\25v=spf1 include:a ~all")},
	{RECORD_DMARC, DNS_TXT, "v=DMARC1; p=none", SPAN_LIT("\20v=DMARC1; p=none")},
	{RECORD_RETURN_PATH, DNS_CNAME, "rp.a.", SPAN_LIT("\2rp\1a\0")},
	{RECORD_INSTANCE_MX, DNS_MX, "10 m.a.", SPAN_LIT("\0\12\1m\1a\0")},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct record r;
	enum record_state state;
	struct span records[2];
	struct buf found;
	size_t i;

	if (size == 0)
		return 0;
	i = data[0] % ARRAY_LEN(wanted);
	records[0] = span_of(data + 1, size - 1);
	records[1] = wanted[i].rdata;
	r = (struct record){.kind = wanted[i].kind, .type = wanted[i].type};
	memcpy(r.value, wanted[i].value, strlen(wanted[i].value));
	buf_init(&found, 65536);
	state = record_judge(&r, records, 1, &found);
	must((state == RECORD_MISSING) == (found.n == 0) || state == RECORD_DIFFERENT);
	buf_reset(&found);
	must(record_judge(&r, records, 2, &found) == RECORD_FINE && found.n > 0);
	buf_reset(&found);
	must(record_same_mx(records, 1, records, 1, &found) || wanted[i].type != DNS_MX ||
	     state == RECORD_MISSING);
	buf_done(&found);
	return 0;
}
