/*
 * output.c - text in columns, numbers for people, JSON in lines.
 */
#include "ctl/output.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/utf8.h"

enum { OUTPUT_MAX = 64 * 1024 * 1024, CELL_MAX = 4096 };

void out_text(struct buf *out, struct span s)
{
	while (s.n) {
		size_t len = utf8_length(s);
		bool c1 = len == 2 && s.p[0] == 0xc2 && s.p[1] < 0xa0;

		if (s.p[0] < ' ' || s.p[0] == 0x7f)
			buf_fmt(out, "\\x%02x", s.p[0]);
		else if (len && !c1)
			buf_add(out, span_head(s, len));
		else
			buf_str(out, "\xef\xbf\xbd");
		s = span_from(s, len ? len : 1);
	}
}

/* tables */

void table_init(struct table *t, size_t columns, const char *const *heads)
{
	must(columns <= TABLE_COLUMNS_MAX);
	*t = (struct table){.columns = columns, .heads = heads != NULL};
	buf_init(&t->cells, OUTPUT_MAX);
	for (size_t i = 0; heads && i < columns; i++)
		table_str(t, heads[i]);
}

void table_cell(struct table *t, struct span s)
{
	out_text(&t->cells, span_head(s, CELL_MAX));
	buf_byte(&t->cells, '\0');
	t->n++;
}

void table_str(struct table *t, const char *s)
{
	table_cell(t, span_str(s));
}

void table_fmt(struct table *t, const char *fmt, ...)
{
	char text[CELL_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	table_str(t, text);
}

/* Characters, not bytes. */
static size_t width_of(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((uint8_t)*s & 0xc0) != 0x80;
	return n;
}

void table_text(struct table *t, struct buf *out)
{
	const char *cell = (const char *)t->cells.p;

	must(buf_ok(&t->cells) && t->n % t->columns == 0);
	for (size_t i = 0; i < t->n; i++, cell += strlen(cell) + 1)
		if (width_of(cell) > t->widths[i % t->columns])
			t->widths[i % t->columns] = width_of(cell);
	cell = (const char *)t->cells.p;
	for (size_t i = 0, owed = 0; i < t->n; i++, cell += strlen(cell) + 1) {
		for (; owed && *cell; owed--)
			buf_byte(out, ' ');
		buf_str(out, cell);
		owed += t->widths[i % t->columns] - width_of(cell) + 2;
		if ((i + 1) % t->columns == 0) {
			buf_byte(out, '\n');
			owed = 0;
		}
	}
}

void table_flush(struct table *t)
{
	struct buf b;

	if (t->n == (t->heads ? t->columns : 0))
		return;
	buf_init(&b, OUTPUT_MAX);
	table_text(t, &b);
	out_print(&b);
	buf_reset(&t->cells);
	t->n = 0;
	t->heads = false;
}

void table_print(struct table *t)
{
	table_flush(t);
	buf_done(&t->cells);
}

void out_print(struct buf *b)
{
	must(buf_ok(b));
	if (b->n)
		fwrite(b->p, 1, b->n, stdout);
	buf_done(b);
}

/* numbers for people */

void out_duration(struct buf *out, int64_t ms)
{
	long long s = ms / 1000;

	if (ms < 0)
		buf_fmt(out, "%lld ms", (long long)ms);
	else if (ms < 1000)
		buf_fmt(out, "%lld ms", (long long)ms);
	else if (s < 10)
		buf_fmt(out, "%lld.%02lld s", s, (long long)ms % 1000 / 10);
	else if (s < 60)
		buf_fmt(out, "%lld.%lld s", s, (long long)ms % 1000 / 100);
	else if (s < 3600)
		buf_fmt(out, "%lld min %lld s", s / 60, s % 60);
	else if (s < 86400)
		buf_fmt(out, "%lld h %lld min", s / 3600, s % 3600 / 60);
	else
		buf_fmt(out, "%lld d %lld h", s / 86400, s % 86400 / 3600);
}

void out_size(struct buf *out, uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	double v = (double)bytes / 1024;
	size_t i = 0;

	if (bytes < 1024) {
		buf_fmt(out, "%llu B", (unsigned long long)bytes);
		return;
	}
	for (; v >= 1024 && i + 1 < ARRAY_LEN(units); i++)
		v /= 1024;
	buf_fmt(out, "%.1f %s", v, units[i]);
}

/* JSON */

json_t *out_string(struct span s)
{
	struct buf b;
	json_t *j;

	buf_init(&b, OUTPUT_MAX);
	utf8_repair(s, &b);
	must(buf_ok(&b));
	j = json_stringn(b.n ? (const char *)b.p : "", b.n);
	must(j);
	buf_done(&b);
	return j;
}

json_t *out_str(const char *s)
{
	return out_string(span_str(s));
}

json_t *out_time(struct wall t)
{
	char text[WALL_TEXT_SIZE];

	wall_iso(t, text);
	return out_str(text);
}

json_t *out_uint(uint64_t v)
{
	return json_integer((json_int_t)v);
}

void out_json(json_t *j)
{
	must(j && json_dumpf(j, stdout, JSON_COMPACT | JSON_ENCODE_ANY) == 0);
	putchar('\n');
	json_decref(j);
}

struct span out_get(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return json_is_string(v) ? span_of(json_string_value(v), json_string_length(v))
				 : span_of("", 0);
}

uint64_t out_get_u64(const json_t *object, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(object, key));

	return v > 0 ? (uint64_t)v : 0;
}
