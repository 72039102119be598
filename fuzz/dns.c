/*
 * dns.c (fuzz) - the first byte chooses: record data, an answer packet, or a zone file.  The
 * resolver's two pure files are taken in here: they are in no library.
 */
#include "common/dns.h"
#include "deliverd/resolver_answer.c"
#include "deliverd/resolver_zone.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read must be what stands there. */
static void check_name(struct span wire)
{
	struct domain d;
	struct wire_name again;

	if (dns_read_name(wire, &d))
		return;
	must(d.n <= 253 && d.s[d.n] == '\0' && strlen(d.s) == d.n);
	must(name_from_text(d.s, &again) == 0 && again.n == wire.n);
	for (size_t i = 0; i < wire.n; i++)
		must(again.p[i] == ascii_lower(wire.p[i]));
}

static void check_answer(struct span packet)
{
	static const uint16_t types[] = {DNS_A, DNS_MX, DNS_TXT, DNS_CNAME};
	static struct answer a;
	struct dns_mx mx;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (answer_read(packet, "www.example.com", types[i], &a))
			continue;
		must(a.n <= ANSWER_RECORDS_MAX);
		for (size_t k = 0; k < a.n; k++) {
			must(a.records[k].n <= ANSWER_RDATA_MAX);
			if (types[i] == DNS_MX)
				(void)!dns_read_mx(a.records[k], &mx);
		}
	}
}

/* Its strings and their lengths are all of it. */
static void check_txt(struct span rdata)
{
	struct buf text;

	buf_init(&text, rdata.n);
	if (dns_read_txt(rdata, &text) == 0)
		must(text.n < rdata.n && rdata.n - text.n >= (rdata.n + 255) / 256);
	buf_done(&text);
}

static const char *add(const char *record, void *arg)
{
	(void)arg;
	must(strlen(record) < ZONE_LINE_MAX);
	return NULL;
}

static void check_zone(struct span text)
{
	struct zone *z = NULL;
	char error[ZONE_ERROR_SIZE], ask[ZONE_NAME_SIZE];
	struct domain name;

	if (zone_parse("zone", text, add, NULL, &z, error))
		return;
	for (size_t i = 0; i < z->n; i++)
		if (z->names[i].records && !z->names[i].wild)
			must(zone_find(z, &z->names[i].name, ask) == ZONE_HERE &&
			     strcmp(ask, z->names[i].name.s) == 0);
	must(domain_parse(SPAN_LIT("a.b.example.com"), &name) == 0);
	(void)zone_find(z, &name, ask);
	zone_free(&z);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_from(span_of(data, size), 1);
	struct dns_mx mx;

	if (size == 0)
		return 0;
	switch (data[0] % 3) {
	case 0:
		check_name(rest);
		(void)!dns_read_mx(rest, &mx);
		check_txt(rest);
		break;
	case 1:
		check_answer(rest);
		break;
	default:
		check_zone(rest);
		break;
	}
	return 0;
}
