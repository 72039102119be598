/*
 * conf_addrs.c - the types of configuration values that are made of addresses.
 *
 *	listen   = "none" / ip-port *(blank ip-port)
 *	ip-port  = (IPv4 / "[" IPv6 "]") ":" 1*5DIGIT
 *	hostport = (name / IPv4 / "[" IPv6 "]") ":" 1*5DIGIT
 *	routes   = name "=" hostport *(blank name "=" hostport)
 *	levels   = name "=" level *(blank name "=" level)
 *	nets     = "public" / net *(blank net)
 *	net      = (IPv4 / IPv6) ["/" 1*3DIGIT]		; without: that address alone
 *
 * Addresses are as inet_pton(3) reads them: no zones, no short forms of IPv4.
 */
#include "common/conf/conf_types.h"

#include <arpa/inet.h>
#include <stdio.h>

int conf_ip(struct span s, uint8_t addr[16])
{
	char text[INET6_ADDRSTRLEN];
	uint8_t in[16] = {0};
	int family = span_find(s, ':') < s.n ? AF_INET6 : AF_INET;

	if (span_cstr(s, text, sizeof(text)) || inet_pton(family, text, in) != 1)
		return 0;
	memcpy(addr, in, sizeof(in));
	return family;
}

static int complain(const struct conf_key *k, struct span at, struct span word, const char *what,
		    struct conf_error *e)
{
	return conf_fail(e, at, "\"%s\": %s; %s takes %s", SHOW(word), what, k->name,
			 k->type->form);
}

/* Host (without brackets) and port of a word; NULL, or what is wrong with it. */
static const char *word_split(struct span w, struct span *host, bool *bracket, uint16_t *port)
{
	size_t colon = w.n;
	uint64_t n = 0;

	while (colon && w.p[colon - 1] != ':')
		colon--;
	if (colon == 0)
		return "no port";
	*host = span_head(w, colon - 1);
	*bracket = w.p[0] == '[';
	if (*bracket) {
		if (host->p[host->n - 1] != ']')
			return "no \"]:PORT\" at its end";
		*host = span_of(w.p + 1, host->n - 2);
	} else if (span_find(*host, ':') < host->n) {
		return "an IPv6 address needs brackets";
	}
	if (span_u64(span_from(w, colon), UINT16_MAX, &n) || n == 0)
		return "the port is not 1 to 65535";
	*port = (uint16_t)n;
	return NULL;
}

static const char *socket_make(struct span w, struct conf_socket *out)
{
	struct conf_socket s = {.len = 0};
	uint8_t addr[16] = {0};
	char ip[INET6_ADDRSTRLEN] = "";
	struct span host = {0};
	bool bracket = false;
	uint16_t port = 0;
	struct buf text;
	const char *wrong = word_split(w, &host, &bracket, &port);
	int family;

	if (wrong)
		return wrong;
	family = conf_ip(host, addr);
	if (family != (bracket ? AF_INET6 : AF_INET))
		return "no IP address before the port";
	if (family == AF_INET) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};

		memcpy(&in.sin_addr, addr, sizeof(in.sin_addr));
		s.len = sizeof(in);
		memcpy(&s.addr, &in, sizeof(in));
	} else {
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

		memcpy(&in6.sin6_addr, addr, sizeof(in6.sin6_addr));
		s.len = sizeof(in6);
		memcpy(&s.addr, &in6, sizeof(in6));
	}
	must(inet_ntop(family, addr, ip, sizeof(ip)));
	buf_init(&text, sizeof(s.text) - 1);
	buf_fmt(&text, bracket ? "[%s]:%u" : "%s:%u", ip, port);
	must(span_cstr(buf_span(&text), s.text, sizeof(s.text)) == 0);
	buf_done(&text);
	*out = s;
	return NULL;
}

static int listen_parse(const struct conf_key *k, const struct conf_value *v, void *member,
			struct conf_error *e)
{
	struct conf_sockets *all = member;

	if (v->n == 1 && span_eq_str(v->word[0], "none"))
		return 0;
	for (size_t i = 0; i < v->n; i++) {
		const char *wrong = socket_make(v->word[i], &all->at[i]);

		if (span_eq_str(v->word[i], "none"))
			wrong = "it stands alone";
		if (wrong)
			return complain(k, v->word[i], v->word[i], wrong, e);
		for (size_t j = 0; j < i; j++)
			if (strcmp(all->at[j].text, all->at[i].text) == 0)
				return conf_fail(e, v->word[i],
						 "\"%s\" stands in %s twice; "
						 "remove one",
						 SHOW(v->word[i]), k->name);
		all->n = i + 1;
	}
	return 0;
}

static void listen_print(const struct conf_key *k UNUSED, const void *member, struct buf *out)
{
	const struct conf_sockets *all = member;

	if (all->n == 0)
		buf_str(out, "none");
	for (size_t i = 0; i < all->n; i++)
		buf_fmt(out, "%s%s", i ? " " : "", all->at[i].text);
}

const struct conf_type conf_type_listen = {
	.words_max = CONF_SOCKETS_MAX,
	.form = "ADDR:PORT, [V6ADDR]:PORT or none",
	.parse = listen_parse,
	.print = listen_print,
};

const char *conf_hostport_read(struct span w, struct conf_hostport *out)
{
	uint8_t addr[16] = {0};
	struct conf_hostport hp = {.port = 0};
	struct span host = {0};
	struct domain name;
	bool bracket = false;
	const char *wrong = word_split(w, &host, &bracket, &hp.port);
	int family, err;

	if (wrong)
		return wrong;
	family = conf_ip(host, addr);
	if (bracket && family != AF_INET6)
		return "no IPv6 address in the brackets";
	if (family) {
		must(inet_ntop(family, addr, hp.host, sizeof(hp.host)));
	} else {
		err = domain_parse(host, &name);
		if (err)
			return addr_error(err);
		must(span_cstr(domain_span(&name), hp.host, sizeof(hp.host)) == 0);
	}
	*out = hp;
	return NULL;
}

void conf_hostport_write(const struct conf_hostport *hp, char out[CONF_HOSTPORT_SIZE])
{
	out[0] = '\0';
	if (hp->host[0])
		snprintf(out, CONF_HOSTPORT_SIZE, strchr(hp->host, ':') ? "[%s]:%u" : "%s:%u",
			 hp->host, hp->port);
}

static void hostport_write(const struct conf_hostport *hp, struct buf *out)
{
	char text[CONF_HOSTPORT_SIZE];

	conf_hostport_write(hp, text);
	buf_str(out, text);
}

static int hostport_parse(const struct conf_key *k, const struct conf_value *v, void *member,
			  struct conf_error *e)
{
	const char *wrong = conf_hostport_read(v->word[0], member);

	return wrong ? complain(k, v->word[0], v->word[0], wrong, e) : 0;
}

static void hostport_print(const struct conf_key *k UNUSED, const void *member, struct buf *out)
{
	hostport_write(member, out);
}

const struct conf_type conf_type_hostport = {
	.words_max = 1,
	.form = "HOST:PORT",
	.parse = hostport_parse,
	.print = hostport_print,
};

/* "DOMAIN=": what stands behind it is in *rest. */
static int name_make(const struct conf_key *k, struct span word, struct domain *out,
		     struct span *rest, struct conf_error *e)
{
	struct span name;
	int err;

	*rest = word;
	name = span_cut(rest, '=');
	if (name.n == word.n)
		return complain(k, word, word, "no \"=\"", e);
	err = domain_parse(name, out);
	return err ? conf_fail(e, word, "\"%s\" is not a domain: %s; %s takes %s", SHOW(name),
			       addr_error(err), k->name, k->type->form)
		   : 0;
}

static int stands_twice(const struct conf_key *k, struct span word, const struct domain *d,
			struct conf_error *e)
{
	return conf_fail(e, word, "%s stands in %s twice; remove one", SHOW(domain_span(d)),
			 k->name);
}

static int route_make(const struct conf_key *k, struct span word, struct conf_route *out,
		      struct conf_error *e)
{
	struct span to;
	const char *wrong;

	if (name_make(k, word, &out->domain, &to, e))
		return -EINVAL;
	wrong = conf_hostport_read(to, &out->to);
	return wrong ? complain(k, to, to, wrong, e) : 0;
}

static int routes_parse(const struct conf_key *k, const struct conf_value *v, void *member,
			struct conf_error *e)
{
	struct conf_routes *all = member;

	for (size_t i = 0; i < v->n; i++) {
		if (route_make(k, v->word[i], &all->at[i], e))
			return -EINVAL;
		for (size_t j = 0; j < i; j++)
			if (strcmp(all->at[j].domain.s, all->at[i].domain.s) == 0)
				return stands_twice(k, v->word[i], &all->at[i].domain, e);
		all->n = i + 1;
	}
	return 0;
}

static void routes_print(const struct conf_key *k UNUSED, const void *member, struct buf *out)
{
	const struct conf_routes *all = member;

	for (size_t i = 0; i < all->n; i++) {
		buf_fmt(out, "%s%s=", i ? " " : "", all->at[i].domain.s);
		hostport_write(&all->at[i].to, out);
	}
}

const struct conf_type conf_type_routes = {
	.words_max = CONF_ROUTES_MAX,
	.form = "DOMAIN=HOST:PORT",
	.parse = routes_parse,
	.print = routes_print,
};

static const char *const level_names[] = {
	[CONF_TLS_NONE] = "none",
	[CONF_TLS_MAY] = "may",
	[CONF_TLS_ENCRYPT] = "encrypt",
	[CONF_TLS_VERIFY] = "verify",
};

static int level_make(const struct conf_key *k, struct span word, struct conf_level *out,
		      struct conf_error *e)
{
	struct span level;

	if (name_make(k, word, &out->domain, &level, e))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (!span_eq_str(level, level_names[i]))
			continue;
		out->level = (enum conf_tls)i;
		return 0;
	}
	return complain(k, level, level, "no such level", e);
}

static int levels_parse(const struct conf_key *k, const struct conf_value *v, void *member,
			struct conf_error *e)
{
	struct conf_levels *all = member;

	for (size_t i = 0; i < v->n; i++) {
		if (level_make(k, v->word[i], &all->at[i], e))
			return -EINVAL;
		for (size_t j = 0; j < i; j++)
			if (strcmp(all->at[j].domain.s, all->at[i].domain.s) == 0)
				return stands_twice(k, v->word[i], &all->at[i].domain, e);
		all->n = i + 1;
	}
	return 0;
}

static void levels_print(const struct conf_key *k UNUSED, const void *member, struct buf *out)
{
	const struct conf_levels *all = member;

	for (size_t i = 0; i < all->n; i++)
		buf_fmt(out, "%s%s=%s", i ? " " : "", all->at[i].domain.s,
			level_names[all->at[i].level]);
}

const struct conf_type conf_type_levels = {
	.words_max = CONF_ROUTES_MAX,
	.form = "DOMAIN=LEVEL, the level none, may, encrypt or verify",
	.parse = levels_parse,
	.print = levels_print,
};

void conf_net_write(const struct conf_net *net, char out[CONF_NET_SIZE])
{
	char ip[INET6_ADDRSTRLEN] = "";

	must(inet_ntop(net->family, net->addr, ip, sizeof(ip)));
	snprintf(out, CONF_NET_SIZE, "%s/%u", ip, net->bits);
}

socklen_t conf_net_address(const struct conf_net *net, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (void *)out;
	struct sockaddr_in6 *v6 = (void *)out;

	*out = (struct sockaddr_storage){.ss_family = (sa_family_t)net->family};
	if (net->family == AF_INET) {
		memcpy(&v4->sin_addr, net->addr, sizeof(v4->sin_addr));
		return sizeof(*v4);
	}
	memcpy(&v6->sin6_addr, net->addr, sizeof(v6->sin6_addr));
	return sizeof(*v6);
}

/* Clears what is behind the prefix; true if there was something. */
static bool net_mask(struct conf_net *net)
{
	uint8_t lost = 0;

	for (size_t i = 0; i < sizeof(net->addr); i++) {
		size_t keep = size_min(net->bits - size_min(net->bits, 8 * i), 8);
		uint8_t behind = (uint8_t)(0xff >> keep);

		lost |= net->addr[i] & behind;
		net->addr[i] &= (uint8_t)~behind;
	}
	return lost != 0;
}

void conf_net_widen(struct conf_net *net, uint8_t bits)
{
	must(bits <= net->bits);
	net->bits = bits;
	net_mask(net);
}

/* ::ffff:10.0.0.0/104 is 10.0.0.0/8: the addresses it has are looked up as IPv4 ones. */
static bool net_unmap(struct conf_net *net)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (net->family != AF_INET6 || net->bits < 96 || memcmp(net->addr, mapped, 12) != 0)
		return false;
	memmove(net->addr, net->addr + 12, 4);
	memset(net->addr + 4, 0, 12);
	net->family = AF_INET;
	net->bits = (uint8_t)(net->bits - 96);
	return true;
}

int conf_net_read(struct span word, struct conf_net *out)
{
	struct span rest = word;
	struct span ip = span_cut(&rest, '/');
	struct conf_net net = {.family = conf_ip(ip, net.addr)};
	uint64_t bits = net.family == AF_INET ? 32 : 128;
	bool changed;

	if (!net.family)
		return -EINVAL;
	if (ip.n < word.n && span_u64(rest, bits, &bits))
		return -ERANGE;
	net.bits = (uint8_t)bits;
	changed = net_mask(&net);
	changed |= net_unmap(&net);
	*out = net;
	return changed ? -EDOM : 0;
}

static int net_parse(const struct conf_key *k, struct span word, struct conf_net *out,
		     struct conf_error *e)
{
	struct conf_net net;
	char right[CONF_NET_SIZE];
	int err = conf_net_read(word, &net);

	if (err == -EINVAL)
		return complain(k, word, word, "not a network", e);
	if (err == -ERANGE)
		return conf_fail(e, span_from(word, span_find(word, '/') + 1),
				 "\"%s\": the prefix length is not 0 to %u; %s takes %s",
				 SHOW(word), span_find(word, ':') < word.n ? 128 : 32, k->name,
				 k->type->form);
	if (!err) {
		*out = net;
		return 0;
	}
	conf_net_write(&net, right);
	return conf_fail(e, word, "\"%s\" is not written as a network; did you mean \"%s\"?",
			 SHOW(word), right);
}

static int nets_parse(const struct conf_key *k, const struct conf_value *v, void *member,
		      struct conf_error *e)
{
	struct conf_nets *all = member;

	all->is_public = v->n == 1 && span_eq_str(v->word[0], "public");
	if (all->is_public)
		return 0;
	for (size_t i = 0; i < v->n; i++) {
		if (span_eq_str(v->word[i], "public"))
			return complain(k, v->word[i], v->word[i], "it stands alone", e);
		if (net_parse(k, v->word[i], &all->at[i], e))
			return -EINVAL;
		all->n = i + 1;
	}
	return 0;
}

static void nets_print(const struct conf_key *k UNUSED, const void *member, struct buf *out)
{
	const struct conf_nets *all = member;
	char text[CONF_NET_SIZE];

	buf_str(out, all->is_public ? "public" : "");
	for (size_t i = 0; i < all->n; i++) {
		conf_net_write(&all->at[i], text);
		buf_fmt(out, "%s%s", i ? " " : "", text);
	}
}

const struct conf_type conf_type_nets = {
	.words_max = CONF_NETS_MAX,
	.form = "public or networks like 127.0.0.0/8",
	.parse = nets_parse,
	.print = nets_print,
};
