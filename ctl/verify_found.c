#include "ctl/verify_found.h"

#include <stdio.h>

static const struct {
	const char *code, *what, *mend;
} kinds[] = {
#define FINDING(NAME, code, what, mend) [FINDING_##NAME] = {code, what, mend},
	FINDINGS(FINDING)
#undef FINDING
};

const char *finding_code(enum finding f)
{
	return kinds[f].code;
}

const char *finding_what(enum finding f)
{
	return kinds[f].what;
}

const char *finding_mend(enum finding f)
{
	return kinds[f].mend;
}

/* "row-differs spool/cur/12/0193...": what a finding is known by; mem_free. */
static char *key_of(enum finding what, const char *where)
{
	size_t n = strlen(kinds[what].code) + 1 + strlen(where) + 1;
	char *key = mem_alloc(n);

	snprintf(key, n, "%s %s", kinds[what].code, where);
	return key;
}

/* Takes the key. */
static void keep(struct findings *f, enum finding what, char *key, const char *detail)
{
	struct found *one = mem_alloc(sizeof(*one));

	one->what = what;
	one->key = key;
	one->where = key + strlen(kinds[what].code) + 1;
	one->detail = mem_strdup(detail);
	hash_add(&f->known, &one->node, span_str(key));
	if ((f->n & (f->n - 1)) == 0) /* full at each power of two */
		f->at = mem_grow(f->at, (f->n ? 2 * f->n : 1) * sizeof(struct found *));
	f->at[f->n++] = one;
}

void findings_add(struct findings *f, enum finding what, const char *where, const char *detail)
{
	char *key = key_of(what, where);
	struct hash_node *known = hash_find(&f->known, span_str(key));

	if (f->again) {
		f->second[what]++;
		if (known)
			container_of(known, struct found, node)->counts = true;
	} else if (!known && f->first[what]++ < FOUND_TOLD) {
		keep(f, what, key, detail);
		key = NULL;
	}
	mem_free(key);
}

void findings_settle(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		f->at[i]->counts = true;
	memcpy(f->second, f->first, sizeof(f->second));
}

void findings_look_again(struct findings *f)
{
	f->again = true;
}

size_t findings_each(const struct findings *f, void (*fn)(const struct found *one, void *arg),
		     void *arg)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		if (!f->at[i]->counts)
			continue;
		fn(f->at[i], arg);
		n++;
	}
	return n;
}

uint64_t findings_more(const struct findings *f, enum finding what)
{
	uint64_t both = f->first[what] < f->second[what] ? f->first[what] : f->second[what];

	return both > FOUND_TOLD ? both - FOUND_TOLD : 0;
}

void findings_done(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		mem_free(f->at[i]->key);
		mem_free(f->at[i]->detail);
		mem_free(f->at[i]);
	}
	mem_free(f->at);
	hash_done(&f->known);
	*f = (struct findings){.n = 0};
}
