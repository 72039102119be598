#include "smtpd/debts.h"

void debts_add(struct debts *t, uint64_t key, int64_t refill_ms, struct mono now)
{
	struct debt *set = t->at[key % DEBTS_SETS], *d = &set[0];

	for (int i = 0; i < DEBTS_WAYS; i++) {
		if (set[i].key == key) {
			d = &set[i];
			break;
		}
		if (set[i].until.ms < d->until.ms)
			d = &set[i];
	}
	if (d->key != key || d->until.ms < now.ms)
		d->until = now;
	d->key = key;
	d->until.ms += refill_ms;
}

static const struct debt *find(const struct debts *t, uint64_t key)
{
	const struct debt *set = t->at[key % DEBTS_SETS];

	for (int i = 0; i < DEBTS_WAYS; i++)
		if (set[i].key == key)
			return &set[i];
	return NULL;
}

bool debts_below(const struct debts *t, uint64_t key, uint32_t limit, int64_t refill_ms,
		 struct mono now)
{
	const struct debt *d = find(t, key);

	/* a failure counts until all of its time has passed */
	return !d || d->until.ms - now.ms <= ((int64_t)limit - 1) * refill_ms;
}

void debts_forgive(struct debts *t, uint64_t key)
{
	struct debt *set = t->at[key % DEBTS_SETS];

	for (int i = 0; i < DEBTS_WAYS; i++)
		if (set[i].key == key)
			set[i].until.ms = 0;
}
