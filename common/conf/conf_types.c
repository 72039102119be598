/*
 * conf_types.c - numbers, sizes, times, texts, host names and words.  Those made of addresses are
 * in conf_addrs.c.
 *
 *	int   = 1*DIGIT
 *	size  = 1*DIGIT ["K" / "M" / "G" / "T"]
 *	time  = 1*DIGIT ("ms" / "s" / "m" / "h" / "d")
 *	times = time *(blank time)
 *	text  = word *(blank word)		; blanks become one space
 */
#include "common/conf/conf_types.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/conf/suggest.h"
#include "common/utf8.h"

int conf_fail(struct conf_error *e, struct span at, const char *fmt, ...)
{
	va_list args;

	e->at = at.p;
	va_start(args, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
	return -EINVAL;
}

struct conf_shown conf_show(struct span word)
{
	struct conf_shown out = {.s = ""};
	size_t n = 0, c;

	while ((c = utf8_length(span_from(word, n))) && n + c <= sizeof(out.s) - 4)
		n += c;
	if (n)
		memcpy(out.s, word.p, n);
	for (size_t i = 0; i < n; i++)
		if (out.s[i] == '\t') /* inside of a key */
			out.s[i] = ' ';
	if (n < word.n)
		memcpy(out.s + n, "...", 3);
	return out;
}

static int out_of_range(const struct conf_key *k, struct span word, struct conf_error *e)
{
	return conf_fail(e, word, "%s is out of range; %s takes %s to %s", SHOW(word), k->name,
			 k->min, k->max);
}

static uint64_t limit_u64(const char *s)
{
	uint64_t n = 0;

	must(span_u64(span_str(s), UINT32_MAX, &n) == 0);
	return n;
}

static int int_parse(const struct conf_key *k, const struct conf_value *v, void *member,
		     struct conf_error *e)
{
	uint64_t n = 0;
	int err = span_u64(v->word[0], UINT32_MAX, &n);

	if (err == -EINVAL)
		return conf_fail(e, v->word[0], "\"%s\" is not a number; %s takes %s to %s",
				 SHOW(v->word[0]), k->name, k->min, k->max);
	if (err || n < limit_u64(k->min) || n > limit_u64(k->max))
		return out_of_range(k, v->word[0], e);
	*(uint32_t *)member = (uint32_t)n;
	return 0;
}

static void int_print(const struct conf_key *k UNUSED, const void *member, struct buf *out)
{
	buf_fmt(out, "%u", *(const uint32_t *)member);
}

const struct conf_type conf_type_int = {
	.words_max = 1,
	.form = "a number",
	.parse = int_parse,
	.print = int_print,
};

/* largest first; the last one is what the number is kept in */
struct unit {
	const char *name;
	uint64_t n;
};
enum { UNITS = 5 };
static const struct unit size_units[UNITS] = {
	{"T", (uint64_t)1 << 40},
	{"G", (uint64_t)1 << 30},
	{"M", (uint64_t)1 << 20},
	{"K", (uint64_t)1 << 10},
	{"", 1},
};
static const struct unit time_units[UNITS] = {
	{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};

/* -EINVAL: no number with one of the units; -ERANGE: more than an int64_t holds. */
static int unit_read(const struct unit units[UNITS], struct span s, uint64_t *out)
{
	size_t digits = 0;
	uint64_t n = 0;
	int err;

	while (digits < s.n && ascii_digit(s.p[digits]))
		digits++;
	for (size_t i = 0; i < UNITS; i++) {
		if (!span_eq_str(span_from(s, digits), units[i].name))
			continue;
		err = span_u64(span_head(s, digits), INT64_MAX / units[i].n, &n);
		if (!err)
			*out = n * units[i].n;
		return err;
	}
	return -EINVAL;
}

int conf_duration(struct span s, int64_t *ms_out)
{
	uint64_t ms;
	int err = unit_read(time_units, s, &ms);

	if (!err)
		*ms_out = (int64_t)ms;
	return err;
}

static void unit_write(const struct unit units[UNITS], uint64_t n, struct buf *out)
{
	size_t i = 0;

	while (i < UNITS - 1 && n % units[i].n)
		i++;
	buf_fmt(out, "%llu%s", (unsigned long long)(n / units[i].n), units[i].name);
}

static uint64_t limit_unit(const struct unit units[UNITS], const char *s)
{
	uint64_t n = 0;

	must(unit_read(units, span_str(s), &n) == 0);
	return n;
}

static int unit_parse(const struct conf_key *k, const struct unit units[UNITS], struct span word,
		      uint64_t *out, struct conf_error *e)
{
	uint64_t n = 0;
	int err = unit_read(units, word, &n);

	if (err == -EINVAL && units == size_units)
		return conf_fail(e, word, "\"%s\" is not a size; write it like 512, 64K, 25M or 1G",
				 SHOW(word));
	if (err == -EINVAL)
		return conf_fail(e, word,
				 "\"%s\" is not a time; write it like 500ms, 30s, 5m, 4h or 2d",
				 SHOW(word));
	if (err || n < limit_unit(units, k->min) || n > limit_unit(units, k->max))
		return out_of_range(k, word, e);
	*out = n;
	return 0;
}

static int size_parse(const struct conf_key *k, const struct conf_value *v, void *member,
		      struct conf_error *e)
{
	return unit_parse(k, size_units, v->word[0], member, e);
}

static void size_print(const struct conf_key *k UNUSED, const void *member, struct buf *out)
{
	uint64_t n = *(const uint64_t *)member;

	if (n)
		unit_write(size_units, n, out);
	else
		buf_str(out, "0");
}

const struct conf_type conf_type_size = {
	.words_max = 1,
	.form = "a size like 512, 64K, 25M or 1G",
	.parse = size_parse,
	.print = size_print,
};

static int time_word(const struct conf_key *k, struct span word, int64_t *out, struct conf_error *e)
{
	uint64_t n = 0;
	int err = unit_parse(k, time_units, word, &n, e);

	if (!err)
		*out = (int64_t)n;
	return err;
}

static void time_write(int64_t ms, struct buf *out)
{
	if (ms)
		unit_write(time_units, (uint64_t)ms, out);
	else
		buf_str(out, "0s");
}

static int time_parse(const struct conf_key *k, const struct conf_value *v, void *member,
		      struct conf_error *e)
{
	return time_word(k, v->word[0], member, e);
}

static void time_print(const struct conf_key *k UNUSED, const void *member, struct buf *out)
{
	time_write(*(const int64_t *)member, out);
}

const struct conf_type conf_type_time = {
	.words_max = 1,
	.form = "a time like 500ms, 30s, 5m, 4h or 2d",
	.parse = time_parse,
	.print = time_print,
};

static int times_parse(const struct conf_key *k, const struct conf_value *v, void *member,
		       struct conf_error *e)
{
	struct conf_times *t = member;
	int err = 0;

	for (t->n = 0; !err && t->n < v->n; t->n++)
		err = time_word(k, v->word[t->n], &t->ms[t->n], e);
	return err;
}

static void times_print(const struct conf_key *k UNUSED, const void *member, struct buf *out)
{
	const struct conf_times *t = member;

	for (size_t i = 0; i < t->n; i++) {
		buf_str(out, i ? " " : "");
		time_write(t->ms[i], out);
	}
}

const struct conf_type conf_type_times = {
	.words_max = CONF_TIMES_MAX,
	.form = "times like 1m 5m 1h",
	.parse = times_parse,
	.print = times_print,
};

static int text_parse(const struct conf_key *k UNUSED, const struct conf_value *v, void *member,
		      struct conf_error *e UNUSED)
{
	char **s = member;
	struct buf text;

	buf_init(&text, CONF_FILE_MAX);
	for (size_t i = 0; i < v->n; i++) {
		buf_str(&text, i ? " " : "");
		buf_add(&text, v->word[i]);
	}
	must(buf_ok(&text));
	*s = span_dup(buf_span(&text));
	buf_done(&text);
	must(*s);
	return 0;
}

static void text_print(const struct conf_key *k UNUSED, const void *member, struct buf *out)
{
	buf_str(out, *(char *const *)member);
}

static void text_done(void *member)
{
	char **s = member;

	mem_free(*s);
	*s = NULL;
}

const struct conf_type conf_type_text = {
	.words_max = CONF_WORDS_MAX,
	.form = "a text",
	.parse = text_parse,
	.print = text_print,
	.done = text_done,
};

static int host_parse(const struct conf_key *k, const struct conf_value *v, void *member,
		      struct conf_error *e)
{
	int err = domain_parse(v->word[0], member);

	if (!err)
		return 0;
	return conf_fail(e, v->word[0], "\"%s\" is not a host name: %s; %s takes %s",
			 SHOW(v->word[0]), addr_error(err), k->name, k->type->form);
}

static void host_print(const struct conf_key *k UNUSED, const void *member, struct buf *out)
{
	buf_add(out, domain_span(member));
}

const struct conf_type conf_type_host = {
	.words_max = 1,
	.form = "a name like mail.example.com",
	.parse = host_parse,
	.print = host_print,
};

/* The same, which need not be set. */
const struct conf_type conf_type_domain = {
	.words_max = 1,
	.form = "a name like example.com",
	.parse = host_parse,
	.print = host_print,
};

/* "a|b|c" as "a, b, c" */
static void choices_list(const char *choices, char *out, size_t size)
{
	struct span rest = span_str(choices);
	struct buf b;

	buf_init(&b, size - 1);
	while (rest.n) {
		buf_add(&b, span_cut(&rest, '|'));
		buf_str(&b, rest.n ? ", " : "");
	}
	must(buf_ok(&b) && span_cstr(buf_span(&b), out, size) == 0);
	buf_done(&b);
}

static int enum_parse(const struct conf_key *k, const struct conf_value *v, void *member,
		      struct conf_error *e)
{
	struct span rest = span_str(k->choices);
	struct suggest near;
	char list[256];

	suggest_init(&near, v->word[0]);
	for (uint32_t i = 0; rest.n; i++) {
		struct span choice = span_cut(&rest, '|');

		suggest_try(&near, choice);
		if (span_eq(choice, v->word[0])) {
			*(uint32_t *)member = i;
			return 0;
		}
	}
	if (near.best.n)
		return conf_fail(e, v->word[0], "%s cannot be \"%s\"; did you mean \"%s\"?",
				 k->name, SHOW(v->word[0]), SHOW(near.best));
	choices_list(k->choices, list, sizeof(list));
	return conf_fail(e, v->word[0], "%s cannot be \"%s\"; it is one of %s", k->name,
			 SHOW(v->word[0]), list);
}

static void enum_print(const struct conf_key *k, const void *member, struct buf *out)
{
	struct span rest = span_str(k->choices);

	for (uint32_t i = *(const uint32_t *)member; i; i--)
		(void)span_cut(&rest, '|');
	buf_add(out, span_cut(&rest, '|'));
}

const struct conf_type conf_type_enum = {
	.words_max = 1,
	.form = "a word",
	.parse = enum_parse,
	.print = enum_print,
};
