/*
 * guard.h - what strangers may take of smtpd, counted over all workers: sessions in all, at mx
 * doors and from one address; failed logins from one address, and for one user from it.
 *
 * The counts lie in memory that the parent shares with its workers.  A worker may be killed at any
 * instruction: its lock is mended by the next who takes it, its sessions are given back by the
 * parent.  An address is one IPv4 address or one IPv6 /64; those of smtpd.trusted_networks have
 * no limits of their own, but count in the totals.
 */
#ifndef SMTPD_GUARD_H
#define SMTPD_GUARD_H

#include "common/clock.h"
#include "common/conf/conf.h"

/* In the parent, before workers are made; after sodium_init(). */
void guard_init(void);
/* Takes over the limits (a copy); in the parent and, after a reload, in each worker. */
void guard_configure(const struct conf *conf);
/* In a worker, first of all. */
void guard_worker(unsigned index);
/* In the parent: gives back what a worker held that is no more, before its index is used again. */
void guard_worker_died(unsigned index);

enum guard_verdict { GUARD_OK, GUARD_FULL, GUARD_ADDRESS_FULL };
/* A place for a session; on GUARD_OK place_out is to be given back by guard_leave(). */
enum guard_verdict guard_enter(bool mx, const struct sockaddr *peer, uint32_t *place_out);
void guard_leave(uint32_t place);
/* Are more than GUARD_CROWDED percent of all places held, or of those for mx? */
enum { GUARD_CROWDED = 80 };
bool guard_crowded(bool mx);

/* May this address try to log in as this user?  It may fail as often as is configured, and once
 * more whenever smtpd.auth_refill has passed. */
bool guard_auth_may_try(const struct sockaddr *peer, struct span user, struct mono now);
void guard_auth_failed(const struct sockaddr *peer, struct span user, struct mono now);
/* The user's failures from there are forgiven; the address's others are not. */
void guard_auth_succeeded(const struct sockaddr *peer, struct span user);

#endif
