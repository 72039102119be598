/*
 * dns.c - record data from the wire (RFC 1035 3.1, 3.3.9, 3.3.14; RFC 7505), names not compressed.
 *
 *	name  = *label %x00		; at most 255 bytes
 *	label = length *63OCTET		; length 1 to 63
 *	mx    = preference name		; preference: 2 bytes, big endian
 *	txt   = 1*string
 *	string = length *255OCTET
 *
 * A label with a byte that no host name has (a dot above all, which would read as two labels) is
 * refused: nobody could be asked for it.
 */
#include "common/dns.h"

enum { WIRE_NAME_MAX = 255 };

/* Writes the name as text with dots; its length, or -EINVAL. */
static ssize_t name_text(struct span wire, char text[WIRE_NAME_MAX])
{
	size_t at = 0, n = 0;

	if (wire.n == 0 || wire.n > WIRE_NAME_MAX)
		return -EINVAL;
	while (wire.p[at] != 0) {
		struct span label = span_of(wire.p + at + 1, wire.p[at]);

		if (label.n > LIMIT_LABEL || at + 1 + label.n >= wire.n)
			return -EINVAL;
		if (span_find(label, '.') < label.n)
			return -EINVAL;
		if (n > 0)
			text[n++] = '.';
		memcpy(text + n, label.p, label.n);
		n += label.n;
		at += 1 + label.n;
	}
	return at + 1 == wire.n ? (ssize_t)n : -EINVAL;
}

int dns_read_name(struct span wire, struct domain *out)
{
	char text[WIRE_NAME_MAX];
	ssize_t n = name_text(wire, text);

	if (n < 0)
		return -EINVAL;
	if (n == 0) {
		*out = (struct domain){0};
		return 0;
	}
	return domain_parse_dns(span_of(text, (size_t)n), out) ? -EINVAL : 0;
}

int dns_read_mx(struct span rdata, struct dns_mx *out)
{
	struct dns_mx mx = {0};

	if (rdata.n < 3 || dns_read_name(span_from(rdata, 2), &mx.host))
		return -EINVAL;
	mx.preference = (uint16_t)(rdata.p[0] << 8 | rdata.p[1]);
	mx.is_null = mx.host.n == 0;
	*out = mx;
	return 0;
}

int dns_read_txt(struct span rdata, struct buf *out)
{
	if (rdata.n == 0)
		return -EINVAL;
	while (rdata.n) {
		size_t n = rdata.p[0];

		if (n >= rdata.n)
			return -EINVAL;
		buf_add(out, span_head(span_from(rdata, 1), n));
		rdata = span_from(rdata, 1 + n);
	}
	return buf_ok(out) ? 0 : -EINVAL;
}
