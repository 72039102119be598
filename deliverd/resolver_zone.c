/*
 * resolver_zone.c - reading dns.zone for its names, and RFC 4592's search among them.
 *
 * A zone is a sorted array of names: those with records and, without, all that stand above them.
 * A name's closest encloser is the longest name above it in the array; only "*." before exactly
 * that one may answer for it.
 */
#include "deliverd/resolver_zone.h"

#include <stdio.h>

struct zone_name {
	struct domain name; /* of a wildcard: what is behind "*." */
	bool wild;
	bool records; /* false: it only stands above others */
};

struct zone {
	struct zone_name *names;
	size_t n, cap;
};

static int compare(const void *a, const void *b)
{
	const struct zone_name *x = a, *y = b;
	int order = strcmp(x->name.s, y->name.s);

	return order ? order : (int)x->wild - (int)y->wild;
}

static void name_add(struct zone *z, const struct zone_name *name)
{
	if (z->n == z->cap) {
		z->cap = z->cap ? 2 * z->cap : 64;
		z->names = mem_grow(z->names, z->cap * sizeof(*z->names));
	}
	z->names[z->n++] = *name;
}

/* The name one label up; false at the top. */
static bool parent(struct domain *d)
{
	size_t dot = span_find(domain_span(d), '.');

	if (dot == d->n)
		return false;
	d->n = (uint8_t)(d->n - dot - 1);
	memmove(d->s, d->s + dot + 1, d->n + 1u);
	return true;
}

static void parents_add(struct zone *z)
{
	size_t with_records = z->n;

	for (size_t i = 0; i < with_records; i++) {
		struct zone_name above = {.name = z->names[i].name};

		if (z->names[i].wild)
			name_add(z, &above);
		while (parent(&above.name))
			name_add(z, &above);
	}
}

static void sort_unique(struct zone *z)
{
	size_t kept = 0;

	if (z->n > 0)
		qsort(z->names, z->n, sizeof(*z->names), compare);
	for (size_t i = 0; i < z->n; i++) {
		if (kept > 0 && compare(&z->names[kept - 1], &z->names[i]) == 0)
			z->names[kept - 1].records |= z->names[i].records;
		else
			z->names[kept++] = z->names[i];
	}
	z->n = kept;
}

/* reading */

static struct span without_comment(struct span line)
{
	bool quoted = false;

	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == '\\')
			i++;
		else if (line.p[i] == '"')
			quoted = !quoted;
		else if (line.p[i] == ';' && !quoted)
			return span_head(line, i);
	}
	return line;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static int name_parse(struct span s, struct zone_name *out)
{
	*out = (struct zone_name){.records = true, .wild = span_istarts(s, "*.")};
	return domain_parse_dns(out->wild ? span_from(s, 2) : s, &out->name);
}

/* NULL, or what is wrong with the line. */
static const char *line_read(struct zone *z, struct span line, char text[ZONE_LINE_MAX],
			     const char *(*add)(const char *record, void *arg), void *arg)
{
	struct zone_name name;
	size_t n = 0;
	int err;

	if (is_blank(line.p[0]))
		return "a line begins with the name; one record a line";
	while (n < line.n && !is_blank(line.p[n]))
		n++;
	err = name_parse(span_head(line, n), &name);
	if (err)
		return addr_error(err);
	line = span_trim(line);
	if (span_has_ctl(line) && span_find(line, '\t') == line.n)
		return "a control character";
	if (span_cstr(line, text, ZONE_LINE_MAX))
		return "too long, or a NUL in it";
	name_add(z, &name);
	return add(text, arg);
}

struct zone *zone_empty(void)
{
	return mem_alloc(sizeof(struct zone));
}

int zone_parse(const char *file_name, struct span text,
	       const char *(*add)(const char *record, void *arg), void *arg, struct zone **out,
	       char error[ZONE_ERROR_SIZE])
{
	struct zone *z = zone_empty();
	char record[ZONE_LINE_MAX];

	for (size_t number = 1; text.n > 0; number++) {
		struct span line = span_cut(&text, '\n');
		const char *wrong;

		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		line = without_comment(line);
		if (span_trim(line).n == 0)
			continue;
		wrong = line_read(z, line, record, add, arg);
		if (wrong) {
			snprintf(error, ZONE_ERROR_SIZE,
				 "%s:%zu: %s; a record is: name TTL IN type data", file_name,
				 number, wrong);
			zone_free(&z);
			return -EINVAL;
		}
	}
	parents_add(z);
	sort_unique(z);
	*out = z;
	return 0;
}

void zone_free(struct zone **z)
{
	if (!*z)
		return;
	mem_free((*z)->names);
	mem_free(*z);
	*z = NULL;
}

/* searching */

static const struct zone_name *get(const struct zone *z, const struct domain *name, bool wild)
{
	struct zone_name key = {.name = *name, .wild = wild};

	return z->n ? bsearch(&key, z->names, z->n, sizeof(key), compare) : NULL;
}

/* Does a name above have records (its own, not of a wildcard)? */
static bool below_records(const struct zone *z, struct domain name)
{
	while (parent(&name)) {
		const struct zone_name *above = get(z, &name, false);

		if (above && above->records)
			return true;
	}
	return false;
}

/* The name is not in the file: its closest encloser's wildcard may be. */
static enum zone_found find_wild(const struct zone *z, const struct domain *name,
				 char ask[ZONE_NAME_SIZE])
{
	struct domain above = *name;

	while (parent(&above)) {
		if (!get(z, &above, false))
			continue;
		if (!get(z, &above, true))
			break;
		snprintf(ask, ZONE_NAME_SIZE, "*.%.253s", above.s);
		return ZONE_HERE;
	}
	return below_records(z, *name) ? ZONE_NO_NAME : ZONE_ELSEWHERE;
}

enum zone_found zone_find(const struct zone *z, const struct domain *name, char ask[ZONE_NAME_SIZE])
{
	const struct zone_name *found = get(z, name, false);

	if (!found)
		return find_wild(z, name, ask);
	if (!found->records)
		return below_records(z, *name) ? ZONE_NO_DATA : ZONE_ELSEWHERE;
	memcpy(ask, name->s, sizeof(name->s));
	return ZONE_HERE;
}
