#include "deliverd/sigcache.h"

#include <sodium.h>

enum { FIELDS_MAX = 16384 };

static struct entry {
	struct sigcache_key key;
	struct mono until; /* 0: empty */
	struct buf fields;
} entries[SIGCACHE_ENTRIES];

static size_t oldest;

void sigcache_key(struct span message_hash, const struct span *keys, size_t n,
		  struct sigcache_key *out)
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, sizeof(out->hash));
	crypto_generichash_update(&state, message_hash.p, message_hash.n);
	for (size_t i = 0; i < n; i++) {
		crypto_generichash_update(&state, keys[i].p, keys[i].n);
		crypto_generichash_update(&state, (const uint8_t *)"", 1);
	}
	crypto_generichash_final(&state, out->hash, sizeof(out->hash));
}

bool sigcache_find(const struct sigcache_key *key, struct mono now, struct span *fields_out)
{
	for (size_t i = 0; i < SIGCACHE_ENTRIES; i++) {
		if (now.ms >= entries[i].until.ms ||
		    memcmp(&entries[i].key, key, sizeof(*key)) != 0)
			continue;
		*fields_out = buf_span(&entries[i].fields);
		return true;
	}
	return false;
}

void sigcache_put(const struct sigcache_key *key, struct mono now, struct span fields)
{
	struct entry *e = &entries[oldest++ % SIGCACHE_ENTRIES];

	buf_done(&e->fields);
	buf_init(&e->fields, FIELDS_MAX);
	buf_add(&e->fields, fields);
	e->key = *key;
	e->until.ms = buf_ok(&e->fields) ? now.ms + SIGCACHE_MS : 0; /* too long to be kept */
}

void sigcache_clear(void)
{
	for (size_t i = 0; i < SIGCACHE_ENTRIES; i++)
		entries[i].until.ms = 0;
}
