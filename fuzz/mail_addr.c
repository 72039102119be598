/*
 * mail_addr.c - fuzz target: what the address parsers accept holds nothing dangerous, and reads
 * again as the same value.
 */
#include "common/mail/addr.h"
#include "common/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_domain(struct span s)
{
	struct domain d, again, dns;

	if (domain_parse(s, &d)) {
		if (domain_parse_dns(s, &dns) == 0)
			must(span_find(domain_span(&dns), '_') < dns.n);
		return;
	}
	must(d.n >= 1 && d.n <= 253 && d.s[d.n] == '\0');
	for (size_t i = 0; i < d.n; i++)
		must(ascii_digit((uint8_t)d.s[i]) || (d.s[i] >= 'a' && d.s[i] <= 'z') ||
		     d.s[i] == '-' || d.s[i] == '.');
	must(domain_parse(domain_span(&d), &again) == 0 && strcmp(d.s, again.s) == 0);
	must(domain_parse_dns(s, &dns) == 0 && strcmp(d.s, dns.s) == 0);
}

/* U-labels: what comes out is a name like any other, and the same when read again. */
static void check_idn(struct span s)
{
	struct domain d, again;

	if (domain_parse_utf8(s, &d)) {
		must(domain_parse(s, &d) != 0);
		return;
	}
	must(utf8_valid(s) && domain_parse(domain_span(&d), &again) == 0);
	must(strcmp(d.s, again.s) == 0);
	if (span_is_ascii(s))
		must(domain_parse(s, &again) == 0 && strcmp(d.s, again.s) == 0);
}

/* No C1 control, no line or paragraph separator. */
static void check_text(struct span s)
{
	must(utf8_valid(s) && !span_has_ctl(s));
	for (size_t i = 0; i + 1 < s.n; i++) {
		must(s.p[i] != 0xc2 || s.p[i + 1] >= 0xa0);
		if (i + 2 < s.n && s.p[i] == 0xe2 && s.p[i + 1] == 0x80)
			must(s.p[i + 2] != 0xa8 && s.p[i + 2] != 0xa9);
	}
}

static void check_value(const struct addr *a)
{
	struct domain d;

	must(a->n <= LIMIT_ADDR && a->s[a->n] == '\0');
	check_text(addr_span(a));
	must(span_is_ascii(addr_domain(a)));
	must(addr_is_utf8(a) == !span_is_ascii(addr_span(a)));
	if (a->n == 0) {
		must(a->at == 0 && !a->literal);
		return;
	}
	must(a->s[a->at] == '@' && a->at >= 1 && a->at <= LIMIT_LOCAL_PART);
	must(a->at == addr_local(a).n && addr_domain(a).n == (size_t)(a->n - a->at - 1));
	must(span_find(addr_domain(a), '@') == addr_domain(a).n);
	must(addr_get_domain(a, &d) == (a->literal ? -ADDR_ERR_LITERAL : 0));
}

static bool same(const struct addr *a, const struct addr *b)
{
	return a->n == b->n && a->at == b->at && a->literal == b->literal && !strcmp(a->s, b->s);
}

static void check_mailbox(struct span s)
{
	struct addr a, again;
	struct span rest;
	char path[LIMIT_ADDR + 3] = "<";

	if (addr_parse(s, &a))
		return;
	check_value(&a);
	if (span_is_ascii(span_from(s, a.at)))
		must(a.n == s.n && span_ieq(s, addr_span(&a)));
	must(span_eq(addr_local(&a), span_head(s, a.at)));
	must(addr_parse(addr_span(&a), &again) == 0 && same(&a, &again));
	memcpy(path + 1, a.s, a.n);
	path[a.n + 1] = '>';
	must(addr_parse_path(span_of(path, (size_t)a.n + 2), &again, &rest) == 0);
	must(same(&a, &again) && rest.n == 0);
}

static void check_path(struct span s)
{
	struct span rest = {NULL, 0};
	struct addr a;
	int err = addr_parse_path(s, &a, &rest);

	must(err <= 0 && err > -ADDR_ERR_MAX);
	if (err == 0)
		check_value(&a);
	if (err == 0 || err == -ADDR_ERR_POSTMASTER) {
		must(rest.p + rest.n == s.p + s.n && rest.n < s.n);
		must(rest.p[-1] == '>');
	} else {
		must(rest.p == NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of(data, size);

	check_domain(s);
	check_idn(s);
	check_mailbox(s);
	check_path(s);
	return 0;
}
