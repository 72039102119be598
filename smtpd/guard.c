/*
 * guard.c - see guard.h.  Both tables know their entries by a SipHash with a seed of this run:
 * nobody outside can aim at the place of another.
 */
#include "smtpd/guard.h"

#include <pthread.h>
#include <sodium.h>
#include <sys/mman.h>

#include "smtpd/debts.h"
#include "smtpd/places.h"

enum { ADDR_SIZE = 16, PREFIX_V6 = 8, USER_MAX = 256 };

struct shared {
	pthread_mutex_t lock;
	struct places places;
	struct debts debts;
};

static struct {
	struct shared *shared;
	uint8_t seed[crypto_shorthash_KEYBYTES];
	unsigned worker;
	uint32_t sessions, mx_sessions;
	uint32_t address_sessions, mx_address_sessions;
	uint32_t address_failures, user_failures;
	int64_t refill_ms;
	struct conf_nets trusted;
} self;

/* the lock */

static void make_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;

	must(pthread_mutexattr_init(&attr) == 0);
	must(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) == 0);
	must(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0);
	must(pthread_mutex_init(lock, &attr) == 0);
	pthread_mutexattr_destroy(&attr);
}

/* Held for some memory accesses and never for a system call. */
static struct shared *lock(void)
{
	int err = pthread_mutex_lock(&self.shared->lock);

	if (err == EOWNERDEAD) {
		places_mend(&self.shared->places);
		err = pthread_mutex_consistent(&self.shared->lock);
	}
	must(err == 0);
	return self.shared;
}

static void unlock(struct shared *s)
{
	must(pthread_mutex_unlock(&s->lock) == 0);
}

void guard_init(void)
{
	void *p = mmap(NULL, sizeof(*self.shared), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(p != MAP_FAILED);
	self.shared = p;
	make_lock(&self.shared->lock);
	crypto_shorthash_keygen(self.seed);
}

void guard_configure(const struct conf *conf)
{
	self.sessions = conf->smtpd_sessions;
	self.mx_sessions = conf->smtpd_mx_sessions;
	self.address_sessions = conf->smtpd_address_sessions;
	self.mx_address_sessions = conf->smtpd_mx_address_sessions;
	self.address_failures = conf->smtpd_auth_address_failures;
	self.user_failures = conf->smtpd_auth_user_failures;
	self.refill_ms = conf->smtpd_auth_refill_ms;
	self.trusted = conf->smtpd_trusted_networks;
}

void guard_worker(unsigned index)
{
	self.worker = index;
}

void guard_worker_died(unsigned index)
{
	struct shared *s = lock();

	places_give_all(&s->places, index);
	unlock(s);
}

/* keys */

enum key_kind { KEY_SESSIONS, KEY_MX_SESSIONS, KEY_ADDRESS_FAILURES, KEY_USER_FAILURES };

/* What counts as one address: an IPv4 address (in its mapped form), or an IPv6 /64. */
static void address_of(const struct sockaddr *peer, uint8_t out[ADDR_SIZE])
{
	const struct sockaddr_in *v4 = (const void *)peer;
	const struct sockaddr_in6 *v6 = (const void *)peer;

	memset(out, 0, ADDR_SIZE);
	if (peer->sa_family == AF_INET) {
		out[10] = out[11] = 0xff;
		memcpy(out + 12, &v4->sin_addr, 4);
	} else if (peer->sa_family == AF_INET6) {
		bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);

		memcpy(out, &v6->sin6_addr, mapped ? ADDR_SIZE : PREFIX_V6);
	}
}

static uint64_t hash(const void *p, size_t n)
{
	uint64_t out;

	_Static_assert(sizeof(out) == crypto_shorthash_BYTES, "SipHash gives 64 bits");
	crypto_shorthash((uint8_t *)&out, p, n, self.seed);
	return out;
}

/* Letter case makes no second user; of a name that long the beginning does. */
static uint64_t user_hash(struct span user)
{
	uint8_t lower[USER_MAX];
	size_t n = size_min(user.n, sizeof(lower));

	for (size_t i = 0; i < n; i++)
		lower[i] = ascii_lower(user.p[i]);
	return hash(lower, n);
}

static uint64_t key_of(enum key_kind kind, const struct sockaddr *peer, uint64_t user)
{
	uint8_t text[1 + ADDR_SIZE + sizeof(user)] = {(uint8_t)kind};

	address_of(peer, text + 1);
	memcpy(text + 1 + ADDR_SIZE, &user, sizeof(user));
	return hash(text, sizeof(text));
}

static bool is_trusted(const struct sockaddr *peer)
{
	return conf_net_has(&self.trusted, peer);
}

/* sessions */

enum guard_verdict guard_enter(bool mx, const struct sockaddr *peer, uint32_t *place_out)
{
	uint64_t key = key_of(mx ? KEY_MX_SESSIONS : KEY_SESSIONS, peer, 0);
	uint32_t limit = mx ? self.mx_address_sessions : self.address_sessions, place = 0;
	bool trusted = is_trusted(peer), address_full = false;
	struct shared *s = lock();
	struct places *t = &s->places;

	if (t->total < self.sessions && (!mx || t->mx < self.mx_sessions)) {
		address_full = !trusted && places_reach(t, key, limit);
		place = address_full ? 0 : places_take(t, key, self.worker, mx);
	}
	unlock(s);
	if (!place)
		return address_full ? GUARD_ADDRESS_FULL : GUARD_FULL;
	*place_out = place;
	return GUARD_OK;
}

void guard_leave(uint32_t place)
{
	struct shared *s = lock();

	places_give(&s->places, place);
	unlock(s);
}

static bool is_crowded(uint32_t held, uint32_t limit)
{
	return (uint64_t)held * 100 > (uint64_t)limit * GUARD_CROWDED;
}

bool guard_crowded(bool mx)
{
	struct shared *s = lock();
	uint32_t total = s->places.total, at_mx = s->places.mx;

	unlock(s);
	return is_crowded(total, self.sessions) || (mx && is_crowded(at_mx, self.mx_sessions));
}

/* logins */

bool guard_auth_may_try(const struct sockaddr *peer, struct span user, struct mono now)
{
	uint64_t by_address = key_of(KEY_ADDRESS_FAILURES, peer, 0);
	uint64_t by_user = key_of(KEY_USER_FAILURES, peer, user_hash(user));
	struct shared *s;
	bool may;

	if (is_trusted(peer))
		return true;
	s = lock();
	may = debts_below(&s->debts, by_address, self.address_failures, self.refill_ms, now) &&
	      debts_below(&s->debts, by_user, self.user_failures, self.refill_ms, now);
	unlock(s);
	return may;
}

void guard_auth_failed(const struct sockaddr *peer, struct span user, struct mono now)
{
	uint64_t by_address = key_of(KEY_ADDRESS_FAILURES, peer, 0);
	uint64_t by_user = key_of(KEY_USER_FAILURES, peer, user_hash(user));
	struct shared *s;

	if (is_trusted(peer))
		return;
	s = lock();
	debts_add(&s->debts, by_address, self.refill_ms, now);
	debts_add(&s->debts, by_user, self.refill_ms, now);
	unlock(s);
}

void guard_auth_succeeded(const struct sockaddr *peer, struct span user)
{
	uint64_t by_user = key_of(KEY_USER_FAILURES, peer, user_hash(user));
	struct shared *s = lock();

	debts_forgive(&s->debts, by_user);
	unlock(s);
}
