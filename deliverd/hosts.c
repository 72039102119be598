#include "deliverd/hosts.h"

#include <netinet/in.h>
#include <stdio.h>

enum { BROKEN_MAX = 256, TLS_MS = 3600000, FAMILY_MS = 600000, FAMILY_FAILURES = 5, IP_SIZE = 48 };

static struct {
	struct broken {
		char ip[IP_SIZE];
		uint16_t port;
		struct mono until;
	} tls[BROKEN_MAX];
	size_t next; /* the oldest */
	struct family {
		unsigned failures;
		char last_ip[IP_SIZE];
		struct mono until;
	} v4, v6;
} self;

static struct broken *find(const char *ip, uint16_t port)
{
	for (size_t i = 0; i < BROKEN_MAX; i++)
		if (self.tls[i].port == port && strcmp(self.tls[i].ip, ip) == 0)
			return &self.tls[i];
	return NULL;
}

void hosts_tls_failed(const char *ip, uint16_t port, struct mono now)
{
	struct broken *b = find(ip, port);

	if (!b) {
		b = &self.tls[self.next++ % BROKEN_MAX];
		snprintf(b->ip, sizeof(b->ip), "%s", ip);
		b->port = port;
	}
	b->until.ms = now.ms + TLS_MS;
}

bool hosts_tls_is_broken(const char *ip, uint16_t port, struct mono now)
{
	const struct broken *b = find(ip, port);

	return b && now.ms < b->until.ms;
}

static struct family *family_of(int family)
{
	return family == AF_INET6 ? &self.v6 : &self.v4;
}

void hosts_family_works(int family)
{
	*family_of(family) = (struct family){.failures = 0};
}

void hosts_family_failed(int family, const char *ip, struct mono now)
{
	struct family *f = family_of(family);

	if (strcmp(f->last_ip, ip) == 0)
		return;
	snprintf(f->last_ip, sizeof(f->last_ip), "%s", ip);
	if (++f->failures >= FAMILY_FAILURES)
		f->until.ms = now.ms + FAMILY_MS;
}

bool hosts_family_is_broken(int family, struct mono now)
{
	return now.ms < family_of(family)->until.ms;
}
