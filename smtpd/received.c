/*
 * received.c - see received.h.
 */
#include "smtpd/received.h"

/* A name from outside in a field of ours: only what a name or an address literal is made of. */
static const char *printable_helo(const char *helo)
{
	const char *ok = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";

	return helo[0] && strspn(helo, ok) == strlen(helo) ? helo : "unknown";
}

/* RFC 3848, RFC 6531 4.3: ESMTPSA, UTF8SMTPS, ...; what came by HELO is SMTP, whatever else. */
static void add_protocol(const struct received *r, struct buf *out)
{
	if (!r->esmtp) {
		buf_str(out, "SMTP");
		return;
	}
	buf_str(out, r->utf8 ? "UTF8SMTP" : "ESMTP");
	if (r->tls[0])
		buf_byte(out, 'S');
	if (r->authenticated)
		buf_byte(out, 'A');
}

void received_add(const struct received *r, struct buf *out)
{
	char date[WALL_TEXT_SIZE];

	buf_str(out, "Received: ");
	if (!r->privacy)
		buf_fmt(out, "from %s ([%s%s])\r\n\t", printable_helo(r->helo),
			strchr(r->client, ':') ? "IPv6:" : "", r->client);
	buf_fmt(out, "by %s (Posthaste) with ", r->hostname);
	add_protocol(r, out);
	buf_fmt(out, " id %s", r->id);
	if (r->tls[0] && !r->privacy)
		buf_fmt(out, "\r\n\t(using %s)", r->tls);
	wall_rfc5322(r->at, date);
	buf_fmt(out, ";\r\n\t%s\r\n", date);
}
