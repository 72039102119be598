/*
 * records_judge.c - what DNS has, compared with the record that should be there.
 *
 *	tag-list  = tag-spec *( ";" tag-spec ) [ ";" ]		; a DKIM key record, RFC 6376 3.2
 *	tag-spec  = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]
 *	spf       = "v=spf1" *( 1*SP term )			; RFC 7208 4.6.1, 12
 *
 * A name has TXT records of many kinds: only those that begin as ours do are looked at.
 */
#include "ctl/records.h"

static const char *const prefixes[] = {
	[RECORD_DKIM] = "",
	[RECORD_DKIM_NEW] = "",
	[RECORD_DKIM_RETIRED] = "",
	[RECORD_OWNERSHIP] = "posthaste-verification=",
	[RECORD_RETURN_PATH] = "",
	[RECORD_DMARC] = "v=DMARC1",
	[RECORD_SPF] = "v=spf1",
	[RECORD_INSTANCE_MX] = "",
	[RECORD_INSTANCE_SPF] = "v=spf1",
};

/* text */

/* A tag's value; empty where it is missing. */
static struct span tag_value(struct span list, const char *name)
{
	while (list.n) {
		struct span value = span_cut(&list, ';');
		struct span tag = span_trim(span_cut(&value, '='));

		if (span_eq_str(tag, name))
			return span_trim(value);
	}
	return (struct span){0};
}

static struct span without_blanks(struct span s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_from(s, 1);
	return s;
}

/* Base64 may be folded. */
static bool eq_but_blanks(struct span a, struct span b)
{
	for (;;) {
		a = without_blanks(a);
		b = without_blanks(b);
		if (!a.n || !b.n)
			return !a.n && !b.n;
		if (a.p[0] != b.p[0])
			return false;
		a = span_from(a, 1);
		b = span_from(b, 1);
	}
}

static struct span key_type(struct span record)
{
	struct span k = tag_value(record, "k");

	return k.n ? k : SPAN_LIT("rsa");
}

static bool same_key(struct span text, struct span want)
{
	struct span v = tag_value(text, "v");

	return (!v.n || span_eq_str(v, "DKIM1")) && span_eq(key_type(text), key_type(want)) &&
	       eq_but_blanks(tag_value(text, "p"), tag_value(want, "p"));
}

/* Both are SPF records; the second term of want is the one that matters. */
static bool has_include(struct span text, struct span want)
{
	(void)span_cut(&want, ' ');
	want = span_cut(&want, ' ');
	while (text.n)
		if (span_ieq(span_cut(&text, ' '), want))
			return true;
	return false;
}

static bool text_fits(const struct record *r, struct span text)
{
	struct span want = span_str(r->value);

	switch (r->kind) {
	case RECORD_DKIM:
	case RECORD_DKIM_NEW:
	case RECORD_DKIM_RETIRED:
		return same_key(text, want);
	case RECORD_OWNERSHIP:
		return span_eq(span_trim(text), want);
	case RECORD_SPF:
		return has_include(text, want);
	case RECORD_DMARC:
	case RECORD_INSTANCE_SPF:
		return true; /* what it says is its owner's affair */
	case RECORD_RETURN_PATH:
	case RECORD_INSTANCE_MX:
		break;
	}
	return false;
}

/* one record */

/* The text of the record, and whether it does; false: it is of no kind that matters here. */
static bool read_txt(const struct record *r, struct span rdata, struct buf *text, bool *fits)
{
	if (dns_read_txt(rdata, text) || !span_istarts(buf_span(text), prefixes[r->kind]))
		return false;
	*fits = text_fits(r, buf_span(text));
	return true;
}

static bool name_fits(const struct domain *name, struct span want)
{
	return span_eq(domain_span(name), span_head(want, want.n - 1)); /* without its dot */
}

static bool read_cname(const struct record *r, struct span rdata, struct buf *text, bool *fits)
{
	struct domain to;

	if (dns_read_name(rdata, &to))
		return false;
	buf_fmt(text, "%s.", to.s);
	*fits = name_fits(&to, span_str(r->value));
	return true;
}

static bool read_mx(const struct record *r, struct span rdata, struct buf *text, bool *fits)
{
	struct span want = span_str(r->value);
	struct dns_mx mx;

	if (dns_read_mx(rdata, &mx))
		return false;
	buf_fmt(text, "%u %s.", mx.preference, mx.host.s);
	(void)span_cut(&want, ' ');
	*fits = name_fits(&mx.host, want);
	return true;
}

static bool read_one(const struct record *r, struct span rdata, struct buf *text, bool *fits)
{
	if (r->type == DNS_TXT)
		return read_txt(r, rdata, text, fits);
	return r->type == DNS_MX ? read_mx(r, rdata, text, fits) : read_cname(r, rdata, text, fits);
}

enum record_state record_judge(const struct record *r, const struct span *records, size_t n,
			       struct buf *found)
{
	enum record_state state = RECORD_MISSING;
	struct buf text;

	buf_init(&text, found->max);
	for (size_t i = 0; i < n && state != RECORD_FINE; i++) {
		bool fits = false;

		buf_reset(&text);
		if (!read_one(r, records[i], &text, &fits) || (state == RECORD_DIFFERENT && !fits))
			continue;
		state = fits ? RECORD_FINE : RECORD_DIFFERENT;
		buf_reset(found);
		buf_add(found, buf_span(&text));
	}
	buf_done(&text);
	return state;
}

/* MX records */

static bool has_host(const struct span *records, size_t n, const struct domain *host)
{
	struct dns_mx mx;

	for (size_t i = 0; i < n; i++)
		if (dns_read_mx(records[i], &mx) == 0 && strcmp(mx.host.s, host->s) == 0)
			return true;
	return false;
}

/* Each host of a that can be read is one of b's. */
static bool all_in(const struct span *a, size_t a_n, const struct span *b, size_t b_n,
		   struct buf *found)
{
	bool all = true;
	struct dns_mx mx;

	for (size_t i = 0; i < a_n; i++) {
		if (dns_read_mx(a[i], &mx))
			continue;
		if (found)
			buf_fmt(found, "%s%u %s.", found->n ? ", " : "", mx.preference, mx.host.s);
		all = has_host(b, b_n, &mx.host) && all;
	}
	return all;
}

bool record_same_mx(const struct span *a, size_t a_n, const struct span *b, size_t b_n,
		    struct buf *found)
{
	bool same = all_in(a, a_n, b, b_n, found);

	return all_in(b, b_n, a, a_n, NULL) && same && a_n > 0;
}
