/*
 * ipc.c - codec, matrix and printer, all made from ipc.def.
 *
 * The field macros turn into calls of the small put_, get_ and print_ functions below; a message
 * has no code of its own.
 */
#include "common/ipc/ipc.h"

#include "common/utf8.h"

/* encode */

static void put_int(struct buf *b, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		buf_byte(b, (uint8_t)(v >> (8 * i)));
}

static void put_span(struct buf *b, struct span s, size_t max)
{
	must(s.n <= max);
	put_int(b, s.n, 2);
	buf_add(b, s);
}

static void put_spans(struct buf *b, const struct ipc_spans *l, size_t items, size_t max)
{
	must(l->n <= items);
	put_int(b, l->n, 2);
	for (size_t i = 0; i < l->n; i++)
		put_span(b, ipc_spans_at(l, i), max);
}

static void put_u64s(struct buf *b, const struct ipc_u64s *l, size_t items)
{
	must(l->n <= items);
	put_int(b, l->n, 2);
	for (size_t i = 0; i < l->n; i++)
		put_int(b, ipc_u64s_at(l, i), 8);
}

#define IPC_DOOR(...)
#define IPC_MSG(name, NAME, number, door, sender, fd, ...)                \
	static void put_##name(struct buf *b, const struct ipc_##name *m) \
	{                                                                 \
		__VA_ARGS__                                               \
	}
#define IPC_U8(f) put_int(b, m->f, 1);
#define IPC_U16(f) put_int(b, m->f, 2);
#define IPC_U32(f) put_int(b, m->f, 4);
#define IPC_U64(f) put_int(b, m->f, 8);
#define IPC_SPAN(f, max) put_span(b, m->f, max);
#define IPC_SPANS(f, items, max) put_spans(b, &m->f, items, max);
#define IPC_U64S(f, items) put_u64s(b, &m->f, items);
#include "common/ipc/ipc.def"

void ipc_encode(const struct ipc_msg *m, struct buf *out)
{
	put_int(out, IPC_VERSION, 1);
	put_int(out, m->type, 1);
	switch (m->type) {
#define IPC_DOOR(...)
#define IPC_MSG(name, NAME, ...)           \
	case IPC_##NAME:                   \
		put_##name(out, &m->name); \
		break;
#include "common/ipc/ipc.def"
	case IPC_NONE:
		must(m->type != IPC_NONE);
	}
}

/* decode */

struct reader {
	struct span rest;
	bool bad;
};

static struct span take(struct reader *r, size_t n)
{
	struct span s = span_head(r->rest, n);

	if (s.n < n)
		r->bad = true;
	r->rest = span_from(r->rest, n);
	return s;
}

static uint64_t int_of(struct span s)
{
	uint64_t v = 0;

	for (size_t i = 0; i < s.n; i++)
		v |= (uint64_t)s.p[i] << (8 * i);
	return v;
}

static uint64_t get_int(struct reader *r, size_t bytes)
{
	return int_of(take(r, bytes));
}

static struct span get_span(struct reader *r, size_t max)
{
	size_t n = get_int(r, 2);

	if (n > max)
		r->bad = true;
	return r->bad ? span_of(NULL, 0) : take(r, n);
}

static struct ipc_spans get_spans(struct reader *r, size_t items, size_t max)
{
	struct ipc_spans l = {.n = (uint16_t)get_int(r, 2)};
	const uint8_t *start = r->rest.p;

	if (l.n > items)
		r->bad = true;
	for (size_t i = 0; i < l.n && !r->bad; i++)
		get_span(r, max);
	if (!r->bad)
		l.raw = span_of(start, (size_t)(r->rest.p - start));
	return l;
}

static struct ipc_u64s get_u64s(struct reader *r, size_t items)
{
	struct ipc_u64s l = {.n = (uint16_t)get_int(r, 2)};

	if (l.n > items)
		r->bad = true;
	else
		l.raw = take(r, 8 * (size_t)l.n);
	return l;
}

struct span ipc_spans_at(const struct ipc_spans *l, size_t i)
{
	struct reader r = {.rest = l->raw};

	must(i < l->n);
	if (l->items)
		return l->items[i];
	while (i--)
		get_span(&r, UINT16_MAX);
	return get_span(&r, UINT16_MAX);
}

uint64_t ipc_u64s_at(const struct ipc_u64s *l, size_t i)
{
	must(i < l->n);
	return l->items ? l->items[i] : int_of(span_head(span_from(l->raw, 8 * i), 8));
}

#define IPC_DOOR(...)
#define IPC_MSG(name, NAME, number, door, sender, fd, ...)             \
	static void get_##name(struct reader *r, struct ipc_##name *m) \
	{                                                              \
		__VA_ARGS__                                            \
	}
#define IPC_U8(f) m->f = (uint8_t)get_int(r, 1);
#define IPC_U16(f) m->f = (uint16_t)get_int(r, 2);
#define IPC_U32(f) m->f = (uint32_t)get_int(r, 4);
#define IPC_U64(f) m->f = get_int(r, 8);
#define IPC_SPAN(f, max) m->f = get_span(r, max);
#define IPC_SPANS(f, items, max) m->f = get_spans(r, items, max);
#define IPC_U64S(f, items) m->f = get_u64s(r, items);
#include "common/ipc/ipc.def"

int ipc_decode(struct span packet, struct ipc_msg *out)
{
	struct reader r = {.rest = packet};
	struct ipc_msg m = {.type = IPC_NONE};

	if (get_int(&r, 1) != IPC_VERSION)
		return -EINVAL;
	switch (get_int(&r, 1)) {
#define IPC_DOOR(...)
#define IPC_MSG(name, NAME, ...)         \
	case IPC_##NAME:                 \
		m.type = IPC_##NAME;     \
		get_##name(&r, &m.name); \
		break;
#include "common/ipc/ipc.def"
	default:
		return -EINVAL;
	}
	if (r.bad || r.rest.n)
		return -EINVAL;
	*out = m;
	return 0;
}

/* matrix */

enum descriptor { FD_NONE, FD_ONE };

static const struct rule {
	const char *name;
	enum ipc_door door;
	enum ipc_side sender;
	enum descriptor fd;
} rules[] = {
#define IPC_DOOR(...)
#define IPC_MSG(name, NAME, number, door, sender, fd, ...) \
	[IPC_##NAME] = {#name, IPC_DOOR_##door, IPC_##sender, fd},
#include "common/ipc/ipc.def"
};

static const struct rule *rule_of(enum ipc_type type)
{
	if ((size_t)type >= ARRAY_LEN(rules) || !rules[type].name)
		return NULL;
	return &rules[type];
}

bool ipc_allowed(enum ipc_door door, enum ipc_side sender, enum ipc_type type)
{
	const struct rule *r = rule_of(type);

	return r && r->door == door && r->sender == sender;
}

bool ipc_has_fd(enum ipc_type type)
{
	const struct rule *r = rule_of(type);

	return r && r->fd == FD_ONE;
}

const char *ipc_name(enum ipc_type type)
{
	const struct rule *r = rule_of(type);

	return r ? r->name : "?";
}

const char *ipc_door_path(enum ipc_door door)
{
	static const char *const paths[] = {
#define IPC_DOOR(NAME, listener, path) [IPC_DOOR_##NAME] = path,
#define IPC_MSG(...)
#include "common/ipc/ipc.def"
	};

	return paths[door];
}

/* print */

static void print_int(struct buf *b, const char *f, uint64_t v)
{
	buf_fmt(b, " %s=%llu", f, (unsigned long long)v);
}

static void print_span(struct buf *b, const char *f, struct span s)
{
	buf_fmt(b, " %s=", f);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] > ' ' && s.p[i] < 0x7f && s.p[i] != '\\')
			buf_byte(b, s.p[i]);
		else
			buf_fmt(b, "\\x%02x", s.p[i]);
}

static void print_spans(struct buf *b, const char *f, const struct ipc_spans *l)
{
	buf_fmt(b, " %s[%u]", f, l->n);
	for (size_t i = 0; i < l->n; i++)
		print_span(b, f, ipc_spans_at(l, i));
}

static void print_u64s(struct buf *b, const char *f, const struct ipc_u64s *l)
{
	buf_fmt(b, " %s[%u]", f, l->n);
	for (size_t i = 0; i < l->n; i++)
		print_int(b, f, ipc_u64s_at(l, i));
}

#define IPC_DOOR(...)
#define IPC_MSG(name, NAME, number, door, sender, fd, ...)                  \
	static void print_##name(struct buf *b, const struct ipc_##name *m) \
	{                                                                   \
		__VA_ARGS__                                                 \
	}
#define IPC_U8(f) print_int(b, #f, m->f);
#define IPC_U16(f) print_int(b, #f, m->f);
#define IPC_U32(f) print_int(b, #f, m->f);
#define IPC_U64(f) print_int(b, #f, m->f);
#define IPC_SPAN(f, max) print_span(b, #f, m->f);
#define IPC_SPANS(f, items, max) print_spans(b, #f, &m->f);
#define IPC_U64S(f, items) print_u64s(b, #f, &m->f);
#include "common/ipc/ipc.def"

void ipc_print(const struct ipc_msg *m, struct buf *out)
{
	buf_str(out, ipc_name(m->type));
	switch (m->type) {
#define IPC_DOOR(...)
#define IPC_MSG(name, NAME, ...)             \
	case IPC_##NAME:                     \
		print_##name(out, &m->name); \
		break;
#include "common/ipc/ipc.def"
	case IPC_NONE:
		break;
	}
}
