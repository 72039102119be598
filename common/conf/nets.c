/*
 * nets.c - which addresses may be connected to.
 *
 * The tables follow the special-purpose address registries of IANA (RFC 6890 and its updates),
 * doubtful ranges refused.  The first row that has the address decides.
 */
#include "common/conf/conf.h"

#include <arpa/inet.h>

enum verdict { REFUSED, PUBLIC, EMBEDDED };

struct range {
	uint8_t addr[16];
	uint8_t bits;
	enum verdict verdict;
	uint8_t at; /* EMBEDDED: the byte that an IPv4 address begins at, which decides */
};

static const struct range ranges4[] = {
	{{0}, 8, REFUSED, 0},		  /* 0/8 this network */
	{{10}, 8, REFUSED, 0},		  /* 10/8 private */
	{{100, 64}, 10, REFUSED, 0},	  /* 100.64/10 shared (carriers) */
	{{127}, 8, REFUSED, 0},		  /* 127/8 loopback */
	{{169, 254}, 16, REFUSED, 0},	  /* 169.254/16 link-local */
	{{172, 16}, 12, REFUSED, 0},	  /* 172.16/12 private */
	{{192, 0, 0}, 24, REFUSED, 0},	  /* 192.0.0/24 protocol assignments */
	{{192, 0, 2}, 24, REFUSED, 0},	  /* 192.0.2/24 documentation */
	{{192, 88, 99}, 24, REFUSED, 0},  /* 192.88.99/24 6to4 relays, given up */
	{{192, 168}, 16, REFUSED, 0},	  /* 192.168/16 private */
	{{198, 18}, 15, REFUSED, 0},	  /* 198.18/15 benchmarks */
	{{198, 51, 100}, 24, REFUSED, 0}, /* 198.51.100/24 documentation */
	{{203, 0, 113}, 24, REFUSED, 0},  /* 203.0.113/24 documentation */
	{{224}, 4, REFUSED, 0},		  /* 224/4 multicast */
	{{240}, 4, REFUSED, 0},		  /* 240/4 reserved, broadcast */
	{{0}, 0, PUBLIC, 0},
};

/* Only 2000::/3 has been given out, so ::, ::1 (as 0.0.0.0 and 0.0.0.1), 100::/64, fc00::/7,
 * fe80::/10, fec0::/10, ff00::/8 and whatever comes are refused by the last row.  So is NAT64 of
 * local use, 64:ff9b:1::/48 (RFC 8215): where in it the IPv4 address lies, only its site knows. */
static const struct range ranges6[] = {
	{{[10] = 0xff, [11] = 0xff}, 96, EMBEDDED, 12}, /* ::ffff:0:0/96 mapped */
	{{0}, 96, EMBEDDED, 12},			/* ::/96 compatible */
	{{0, 0x64, 0xff, 0x9b}, 96, EMBEDDED, 12},	/* 64:ff9b::/96 NAT64 */
	{{0x20, 0x02}, 16, EMBEDDED, 2},		/* 2002::/16 6to4 */
	{{0x20, 0x01}, 23, REFUSED, 0},			/* 2001::/23 protocols, Teredo */
	{{0x20, 0x01, 0x0d, 0xb8}, 32, REFUSED, 0},	/* 2001:db8::/32 documentation */
	{{0x3f, 0xff}, 20, REFUSED, 0},			/* 3fff::/20 documentation */
	{{0x20}, 3, PUBLIC, 0},				/* 2000::/3 */
	{{0}, 0, REFUSED, 0},
};

static bool has_prefix(const uint8_t *addr, const uint8_t *prefix, unsigned bits)
{
	unsigned whole = bits / 8, more = bits % 8;

	return memcmp(addr, prefix, whole) == 0 &&
	       (more == 0 || (addr[whole] ^ prefix[whole]) >> (8 - more) == 0);
}

/* The bytes of an address, a mapped one as IPv4; its family or 0. */
static int addr_bytes(const struct sockaddr *sa, uint8_t addr[16])
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		memcpy(addr, &in.sin_addr, 4);
		return AF_INET;
	}
	if (sa->sa_family != AF_INET6)
		return 0;
	memcpy(&in6, sa, sizeof(in6));
	memcpy(addr, &in6.sin6_addr, 16);
	if (!has_prefix(addr, ranges6[0].addr, ranges6[0].bits))
		return AF_INET6;
	memmove(addr, addr + 12, 4);
	return AF_INET;
}

static const struct range *range_of(const struct range *ranges, const uint8_t *addr)
{
	while (!has_prefix(addr, ranges->addr, ranges->bits))
		ranges++;
	return ranges;
}

bool net_is_public(const struct sockaddr *sa)
{
	uint8_t addr[16] = {0};
	int family = addr_bytes(sa, addr);
	const struct range *r = NULL;

	if (family == AF_INET6) {
		r = range_of(ranges6, addr);
		if (r->verdict == EMBEDDED)
			r = range_of(ranges4, addr + r->at);
	} else if (family == AF_INET) {
		r = range_of(ranges4, addr);
	}
	return r && r->verdict == PUBLIC;
}

bool conf_net_has(const struct conf_nets *nets, const struct sockaddr *sa)
{
	uint8_t addr[16] = {0};
	int family = addr_bytes(sa, addr);

	if (nets->is_public)
		return net_is_public(sa);
	for (size_t i = 0; i < nets->n; i++)
		if (nets->at[i].family == family &&
		    has_prefix(addr, nets->at[i].addr, nets->at[i].bits))
			return true;
	return false;
}
