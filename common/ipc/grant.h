/*
 * grant.h - the permission, from queued to the signer by way of a worker, to sign one copy.
 *
 * grant = expiry (8 bytes, wall seconds, little endian), uses (4), MAC (32: BLAKE2b keyed with
 * the grant key over copy, the keys in their order each with its length, expiry and uses).  A
 * broken worker can have signed only what it was given to deliver.
 */
#ifndef COMMON_IPC_GRANT_H
#define COMMON_IPC_GRANT_H

#include "common/clock.h"
#include "common/ipc/ipc.h"

enum { GRANT_SIZE = 44, GRANT_KEY_SIZE = 32 };

void grant_make(const uint8_t key[GRANT_KEY_SIZE], uint64_t copy, const struct ipc_spans *keys,
		uint64_t expires_s, uint32_t uses, uint8_t out[GRANT_SIZE]);
/* 0 and the uses; -EINVAL: malformed; -EPERM: wrong MAC; -ETIME: expired. */
int grant_check(const uint8_t key[GRANT_KEY_SIZE], uint64_t copy, const struct ipc_spans *keys,
		struct wall now, struct span grant, uint32_t *uses_out) MUST_CHECK;

#endif
