/*
 * hosts.h - what a worker remembers of the addresses it has talked to.  In memory only: a new
 * worker finds it out again.
 */
#ifndef DELIVERD_HOSTS_H
#define DELIVERD_HOSTS_H

#include "common/clock.h"

/* Its handshake failed: for an hour TLS that is not required is not tried. */
void hosts_tls_failed(const char *ip, uint16_t port, struct mono now);
bool hosts_tls_is_broken(const char *ip, uint16_t port, struct mono now);

/* AF_INET or AF_INET6.  After some failures in a row, each with another address, a family counts
 * as broken for ten minutes. */
void hosts_family_works(int family);
void hosts_family_failed(int family, const char *ip, struct mono now);
bool hosts_family_is_broken(int family, struct mono now);

#endif
