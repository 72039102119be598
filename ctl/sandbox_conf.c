#include "ctl/sandbox_conf.h"

#include "common/mail/addr.h"

static const char conf_head[] =
	"# posthaste.conf - configuration of this sandbox, made by `posthaste sandbox start`.\n"
	"# posthaste.conf(5) describes every key; `posthaste config show` tells all that is in\n"
	"# force, with the defaults of what is not here.  After a change: `kill -HUP` the process\n"
	"# named in run/supervisor.pid, or stop and start the sandbox.\n"
	"\n"
	"# who we are; these names exist in dns.zone only\n"
	"hostname = mail.sandbox.test\n"
	"return_path.domain = rp.sandbox.test\n"
	"\n"
	"# receiving: free ports, chosen once; change them here\n";

static const char conf_tail[] =
	"tls.cert = tls/cert.pem\n"
	"tls.key = tls/key.pem\n"
	"# programs under test come from here: limits for one address would only be in the way\n"
	"smtpd.trusted_networks = 127.0.0.0/8 ::1/128\n"
	"\n"
	"# a developer's disk is often rather full\n"
	"spool.free = 64M\n"
	"spool.free_percent = 1\n"
	"\n"
	"# delivering: nothing leaves this host but to deliver.relay and deliver.mx\n"
	"deliver.networks = 127.0.0.0/8 ::1/128\n"
	"dns.mode = local\n"
	"dns.zone = dns.zone\n"
	"\n"
	"# `posthaste sandbox start` sets deliver.relay and deliver.mx from --relay and --mx at\n"
	"# each start, and takes them out when they are not given.\n";

static const char zone_text[] =
	"; dns.zone - what DNS says inside this sandbox: name TTL IN type data, one a line.\n"
	"; Nothing else resolves here: dns.mode is local.  Add domains to deliver to as you like;\n"
	"; MX hosts are connected to at deliver.port.\n"
	"; the receiving end, `posthaste sink`: these domains and all below sink.test\n"
	"sandbox.test. 300 IN MX 10 mx.sink.test.\n"
	"sink.test. 300 IN MX 10 mx.sink.test.\n"
	"*.sink.test. 300 IN MX 10 mx.sink.test.\n"
	"sink.test. 300 IN A 127.0.0.1\n"
	"*.sink.test. 300 IN A 127.0.0.1\n"
	"mx.sink.test. 300 IN A 127.0.0.1\n"
	"; this instance: its name, and the domain that bounces come back to\n"
	"sandbox.test. 300 IN A 127.0.0.1\n"
	"mail.sandbox.test. 300 IN A 127.0.0.1\n"
	"rp.sandbox.test. 300 IN A 127.0.0.1\n"
	"rp.sandbox.test. 300 IN MX 10 mail.sandbox.test.\n";

void sandbox_conf_text(const uint16_t port[SANDBOX_PORTS], struct buf *out)
{
	buf_str(out, conf_head);
	buf_fmt(out, "listen.submission = 127.0.0.1:%u\n", port[PORT_SUBMISSION]);
	buf_fmt(out, "listen.submissions = 127.0.0.1:%u\n", port[PORT_SUBMISSIONS]);
	buf_fmt(out, "listen.mx = 127.0.0.1:%u\n", port[PORT_MX]);
	buf_fmt(out, "\n# the receiving end, and the port at which it plays every MX host\n");
	buf_fmt(out, "sink.listen = 127.0.0.1:%u\n", port[PORT_SINK]);
	buf_fmt(out, "deliver.port = %u\n\n", port[PORT_SINK]);
	buf_str(out, conf_tail);
}

void sandbox_zone_text(struct buf *out)
{
	buf_str(out, zone_text);
}

/* changing a key */

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct span line_next(struct span *rest)
{
	size_t n = span_find(*rest, '\n');
	struct span line = span_head(*rest, n < rest->n ? n + 1 : n);

	*rest = span_from(*rest, line.n);
	return line;
}

static bool line_opens(struct span line, const char *key)
{
	size_t eq = span_find(line, '=');

	return eq < line.n && span_eq_str(span_trim(span_head(line, eq)), key) &&
	       !is_blank(line.p[0]);
}

/* A line that belongs to the value above it: it begins with a blank and is not blank all over. */
static bool line_continues(struct span line)
{
	if (line.n == 0 || !is_blank(line.p[0]))
		return false;
	for (size_t i = 0; i < line.n; i++)
		if (!is_blank(line.p[i]) && line.p[i] != '\r' && line.p[i] != '\n')
			return true;
	return false;
}

static void key_add(struct buf *out, const char *key, struct span value)
{
	if (out->n && out->p[out->n - 1] != '\n')
		buf_byte(out, '\n');
	buf_fmt(out, "%s = ", key);
	buf_add(out, value);
	buf_byte(out, '\n');
}

void sandbox_conf_set(struct span text, const char *key, struct span value, struct buf *out)
{
	bool done = value.n == 0, inside = false;

	while (text.n) {
		struct span line = line_next(&text);
		bool opens = line_opens(line, key);

		inside = opens || (inside && line_continues(line));
		if (!inside)
			buf_add(out, line);
		if (opens && !done) {
			key_add(out, key, value);
			done = true;
		}
	}
	if (!done)
		key_add(out, key, value);
}

/* what --relay and --mx take */

static bool is_port(struct span s)
{
	uint64_t port;

	return span_u64(s, UINT16_MAX, &port) == 0 && port > 0;
}

/* The rest (is it a name, is it an address) is the configuration reader's to say; here nothing
 * passes that could end a word there. */
static bool is_host(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '#' || s.p[i] == '"' ||
		    s.p[i] == '\'' || s.p[i] == '=')
			return false;
	return s.n > 0;
}

bool sandbox_is_hostport(struct span s)
{
	size_t colon = s.n;

	while (colon && s.p[colon - 1] != ':')
		colon--;
	return colon > 1 && is_port(span_from(s, colon)) && is_host(span_head(s, colon - 1));
}

bool sandbox_is_route(struct span s)
{
	struct domain d;
	struct span name = span_cut(&s, '=');

	return domain_parse(name, &d) == 0 && sandbox_is_hostport(s);
}
