/*
 * grant.c - grants: made by queued, checked by the signer.
 *
 * The MAC covers, in this order and little endian: copy (8), expiry (8), uses (4), number of keys
 * (2), and for each key its length (2) and its text as it stands in the message.
 */
#include "common/ipc/grant.h"

#include <sodium.h>

enum { MAC_SIZE = 32 };

_Static_assert(GRANT_SIZE == 8 + 4 + MAC_SIZE, "grant: expiry, uses, MAC");

static void put_le(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static void mac_add(crypto_generichash_state *st, uint64_t v, size_t n)
{
	uint8_t le[8];

	put_le(le, v, n);
	must(crypto_generichash_update(st, le, n) == 0);
}

static void grant_mac(const uint8_t key[GRANT_KEY_SIZE], uint64_t copy,
		      const struct ipc_spans *keys, uint64_t expires_s, uint32_t uses,
		      uint8_t mac[MAC_SIZE])
{
	crypto_generichash_state st;

	must(crypto_generichash_init(&st, key, GRANT_KEY_SIZE, MAC_SIZE) == 0);
	mac_add(&st, copy, 8);
	mac_add(&st, expires_s, 8);
	mac_add(&st, uses, 4);
	mac_add(&st, keys->n, 2);
	for (size_t i = 0; i < keys->n; i++) {
		struct span k = ipc_spans_at(keys, i);

		mac_add(&st, k.n, 2);
		must(crypto_generichash_update(&st, k.p, k.n) == 0);
	}
	must(crypto_generichash_final(&st, mac, MAC_SIZE) == 0);
}

void grant_make(const uint8_t key[GRANT_KEY_SIZE], uint64_t copy, const struct ipc_spans *keys,
		uint64_t expires_s, uint32_t uses, uint8_t out[GRANT_SIZE])
{
	put_le(out, expires_s, 8);
	put_le(out + 8, uses, 4);
	grant_mac(key, copy, keys, expires_s, uses, out + 12);
}

int grant_check(const uint8_t key[GRANT_KEY_SIZE], uint64_t copy, const struct ipc_spans *keys,
		struct wall now, struct span grant, uint32_t *uses_out)
{
	uint8_t mac[MAC_SIZE];
	uint64_t expires_s;
	uint32_t uses;

	if (grant.n != GRANT_SIZE)
		return -EINVAL;
	expires_s = get_le(grant.p, 8);
	uses = (uint32_t)get_le(grant.p + 8, 4);
	grant_mac(key, copy, keys, expires_s, uses, mac);
	if (sodium_memcmp(mac, grant.p + 12, MAC_SIZE) != 0)
		return -EPERM;
	if (now.ms < 0 || (uint64_t)now.ms / 1000 >= expires_s)
		return -ETIME;
	*uses_out = uses;
	return 0;
}
