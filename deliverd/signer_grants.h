/*
 * signer_grants.h - how often each grant was used, until it expires.
 *
 * A grant is known by its MAC.  Bounded: beyond GRANTS_MAX the one seen first is forgotten, which
 * gives back only its own uses; grants cannot be made up, so nobody can fill the table at will.
 */
#ifndef DELIVERD_SIGNER_GRANTS_H
#define DELIVERD_SIGNER_GRANTS_H

#include "common/clock.h"
#include "common/span.h"

enum { GRANTS_MAX = 1000000 };

/* Counts one use of a grant that grant_check() has passed; false: it was used up before. */
bool grants_use(struct span grant, uint32_t uses, struct wall now) MUST_CHECK;
size_t grants_count(void);
void grants_forget(void);

#endif
